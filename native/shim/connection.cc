#include "shim/connection.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace ocup::shim {

namespace {

constexpr size_t kMaxLineBytes = 1024 * 1024;
constexpr size_t kMaxFrameBytes = 4 * 1024 * 1024;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kKeptCapacity = 4096;
constexpr int64_t kGoodbyeMs = 2000;

void release_memory(std::string& text) {
  if (text.empty() && text.capacity() > kKeptCapacity) std::string().swap(text);
}

size_t payload_length(std::string_view header) {
  size_t length = 0;
  for (size_t i = 1; i < kHeaderBytes; ++i) length = length << 8 | static_cast<uint8_t>(header[i]);
  return length;
}

}  // namespace

Connection::Connection(EventLoop& loop, UniqueFd fd, OnRequest on_request,
                       std::function<void()> on_gone)
    : loop_(loop),
      fd_(std::move(fd)),
      on_request_(std::move(on_request)),
      on_gone_(std::move(on_gone)),
      interest_(EPOLLIN) {
  loop_.watch(fd_.get(), interest_, [this](uint32_t events) { on_events(events); });
}

Connection::~Connection() {
  loop_.cancel(goodbye_);
  if (fd_) loop_.forget(fd_.get());
}

void Connection::send_event(std::string_view event) {
  send_line(JsonWriter().begin_object().key("event").raw(event).end_object().text());
}

void Connection::send_result(std::string_view result) {
  send_line(JsonWriter().begin_object().key("result").raw(result).end_object().text());
  finish();
}

void Connection::send_error(const char* code, std::string_view message, std::string_view details) {
  const std::string error = wire_error(code, message, details);
  send_line(JsonWriter().begin_object().key("error").raw(error).end_object().text());
  finish();
}

void Connection::upgrade(FrameHandlers handlers) {
  handlers_ = std::move(handlers);
  is_upgraded_ = true;
  send_line("{\"upgrade\":{}}");
  // The first frames may have come with the request. As a task: the caller is not done setting up.
  loop_.later([this] { parse(); });
}

void Connection::send_frame(FrameType type, std::string_view payload) {
  if (!fd_) return;
  const auto length = static_cast<uint32_t>(payload.size());
  const char header[kHeaderBytes] = {static_cast<char>(type), static_cast<char>(length >> 24),
                                     static_cast<char>(length >> 16),
                                     static_cast<char>(length >> 8), static_cast<char>(length)};
  output_.append(header, sizeof header).append(payload);
  flush();
}

void Connection::send_error_frame(const char* code, std::string_view message) {
  send_frame(FrameType::kError, wire_error(code, message));
  finish();
}

void Connection::finish() {
  is_finishing_ = true;
  is_paused_ = false;
  handlers_ = {};
  if (!fd_) return;
  if (output_.empty()) return say_goodbye();
  update_interest();
}

void Connection::drop() { hang_up(); }

void Connection::pause() {
  is_paused_ = true;
  if (fd_) update_interest();
}

void Connection::resume() {
  if (!is_paused_) return;
  is_paused_ = false;
  if (!fd_) return;
  update_interest();
  loop_.later([this] { parse(); });
}

void Connection::flush_until(int64_t deadline_ms) {
  while (fd_ && !output_.empty()) {
    const int64_t left = deadline_ms - monotonic_ms();
    if (left <= 0) return;
    pollfd poll = {fd_.get(), POLLOUT, 0};
    ::poll(&poll, 1, static_cast<int>(left));
    flush();
  }
  while (fd_ && is_upgraded_ && is_finishing_) {
    const int64_t left = deadline_ms - monotonic_ms();
    if (left <= 0) return;
    pollfd poll = {fd_.get(), POLLIN, 0};
    ::poll(&poll, 1, static_cast<int>(left));
    read();
  }
}

void Connection::on_events(uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush();
  if (fd_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
}

void Connection::read() {
  static char buffer[kReadBytes];
  const ssize_t count =
      retry_interrupted([&] { return ::recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT); });
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return hang_up();
  // Nothing is expected after a request that answers with lines, nor after the last frame.
  if (is_finishing_ || (has_request_ && !is_upgraded_ && input_.size() > kMaxLineBytes)) return;
  input_.append(buffer, static_cast<size_t>(count));
  parse();
}

void Connection::parse() {
  if (!fd_ || is_finishing_) return;
  if (!has_request_) return parse_request();
  if (!is_upgraded_) return;
  while (fd_ && !is_paused_ && !is_finishing_ && parse_frame()) continue;
  release_memory(input_);
}

void Connection::parse_request() {
  const size_t end = input_.find('\n');
  if (end == std::string::npos && input_.size() <= kMaxLineBytes) return;
  has_request_ = true;
  if (end == std::string::npos || end > kMaxLineBytes) {
    return send_error("E_WIRE_PROTOCOL", "the request is longer than 1 MiB");
  }
  std::string line = input_.substr(0, end);
  input_.erase(0, end + 1);
  on_request_(std::move(line));
}

bool Connection::parse_frame() {
  if (input_.size() < kHeaderBytes) return false;
  const size_t length = payload_length(input_);
  const auto type = static_cast<uint8_t>(input_[0]);
  if (length > kMaxFrameBytes || type > static_cast<uint8_t>(FrameType::kSignal)) {
    hang_up();
    return false;
  }
  if (input_.size() < kHeaderBytes + length) return false;
  const std::string payload = input_.substr(kHeaderBytes, length);
  input_.erase(0, kHeaderBytes + length);
  // A copy: the handler may finish the connection, which takes the handlers away.
  const FrameHandlers handlers = handlers_;
  if (!handlers.on_frame) return true;
  try {
    handlers.on_frame(static_cast<FrameType>(type), payload);
  } catch (const SpecError& error) {
    send_error_frame("E_WIRE_PROTOCOL", error.what());
    if (handlers.on_close) handlers.on_close();
  }
  return true;
}

void Connection::send_line(std::string_view line) {
  if (!fd_) return;
  output_.append(line).append(1, '\n');
  flush();
}

void Connection::flush() {
  size_t sent = 0;
  while (fd_ && sent < output_.size()) {
    const ssize_t count = retry_interrupted([&] {
      return ::send(fd_.get(), output_.data() + sent, output_.size() - sent,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    });
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) return hang_up();
    sent += static_cast<size_t>(count);
  }
  output_.erase(0, sent);
  sent_bytes_ += sent;
  release_memory(output_);
  if (output_.empty() && is_finishing_) return say_goodbye();
  update_interest();
  const auto on_sent = handlers_.on_sent;
  if (sent > 0 && on_sent) on_sent();
}

void Connection::update_interest() {
  if (!fd_) return;
  const uint32_t wanted =
      (is_paused_ ? 0u : uint32_t{EPOLLIN}) | (output_.empty() ? 0u : uint32_t{EPOLLOUT});
  if (wanted != interest_) loop_.change(fd_.get(), wanted);
  interest_ = wanted;
}

void Connection::say_goodbye() {
  update_interest();
  ::shutdown(fd_.get(), SHUT_WR);
  if (goodbye_ == 0) goodbye_ = loop_.after(kGoodbyeMs, [this] { hang_up(); });
}

void Connection::hang_up() {
  if (!fd_) return;
  loop_.forget(fd_.get());
  fd_.reset();
  std::string().swap(output_);
  const auto on_close = std::exchange(handlers_, {}).on_close;
  if (on_close) on_close();
  loop_.later(on_gone_);
}

std::string wire_error(const char* code, std::string_view message, std::string_view details) {
  JsonWriter writer;
  writer.begin_object().key("code").string(code).key("message").string(message);
  if (!details.empty()) writer.key("details").raw(details);
  return writer.end_object().text();
}

}  // namespace ocup::shim
