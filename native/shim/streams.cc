#include "shim/streams.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/file.h"
#include "shim/spawn.h"

namespace ocup::shim {

namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int64_t kTerminalRetryMs = 200;
constexpr int64_t kQuietMs = 50;
/** For an output that someone else keeps writing to. */
constexpr int64_t kMaxDrainMs = 5000;

}  // namespace

OutputStream::OutputStream(EventLoop& loop, UniqueFd fd, bool is_terminal, Handlers handlers)
    : loop_(loop), fd_(std::move(fd)), handlers_(std::move(handlers)), is_terminal_(is_terminal) {
  set_nonblocking(fd_.get());
  watch();
}

OutputStream::~OutputStream() {
  loop_.cancel(retry_);
  if (fd_) loop_.forget(fd_.get());
}

void OutputStream::watch() {
  loop_.watch(fd_.get(), EPOLLIN, [this](uint32_t) { read(); });
}

void OutputStream::pause() {
  if (!fd_ || is_paused_) return;
  is_paused_ = true;
  // Removed and not only silenced: a hang-up is reported whatever is asked for.
  loop_.forget(fd_.get());
}

void OutputStream::resume() {
  if (!fd_ || !is_paused_) return;
  is_paused_ = false;
  if (retry_ == 0) watch();
}

void OutputStream::mark_process_ended() {
  has_process_ended_ = true;
  if (retry_ == 0) return;
  loop_.cancel(retry_);
  retry_ = 0;
  end();
}

bool OutputStream::has_waiting() const {
  int count = 0;
  return fd_ && ::ioctl(fd_.get(), FIONREAD, &count) == 0 && count > 0;
}

void OutputStream::read() {
  static char buffer[kReadBytes];
  const ssize_t count = retry_interrupted([&] { return ::read(fd_.get(), buffer, sizeof buffer); });
  if (count > 0) {
    read_bytes_ += static_cast<uint64_t>(count);
    handlers_.on_data({buffer, static_cast<size_t>(count)});
    return;
  }
  if (count < 0 && errno == EAGAIN) return;
  const bool may_come_back = is_terminal_ && count < 0 && errno == EIO && !has_process_ended_;
  if (!may_come_back) return end();
  loop_.forget(fd_.get());
  retry_ = loop_.after(kTerminalRetryMs, [this] {
    retry_ = 0;
    if (!is_paused_) watch();
  });
}

void OutputStream::end() {
  loop_.forget(fd_.get());
  fd_.reset();
  handlers_.on_end();
}

void Outputs::add(Stream stream, UniqueFd fd, bool is_terminal) {
  OutputStream::Handlers handlers = {
      [this, stream](std::string_view bytes) { on_data_(stream, bytes); },
      [this, stream] {
        on_end_(stream);
        if (on_drained_) check_drained();
      }};
  streams_.push_back(
      std::make_unique<OutputStream>(loop_, std::move(fd), is_terminal, std::move(handlers)));
}

void Outputs::pause(Reason reason) {
  pauses_ |= reason;
  for (const auto& stream : streams_) stream->pause();
}

void Outputs::resume(Reason reason) {
  pauses_ &= ~static_cast<unsigned>(reason);
  if (pauses_ != 0) return;
  for (const auto& stream : streams_) stream->resume();
}

void Outputs::drain(std::function<void()> on_drained) {
  on_drained_ = std::move(on_drained);
  give_up_at_ = monotonic_ms() + kMaxDrainMs;
  read_before_ = UINT64_MAX;
  for (const auto& stream : streams_) stream->mark_process_ended();
  if (on_drained_) check_drained();
}

void Outputs::check_drained() {
  loop_.cancel(timer_);
  // Nobody who is made to wait can be said to be quiet, or to keep others waiting.
  if (is_paused()) give_up_at_ = monotonic_ms() + kMaxDrainMs;
  if (has_ended() || is_quiet() || monotonic_ms() >= give_up_at_) {
    loop_.later(std::exchange(on_drained_, nullptr));
    return;
  }
  read_before_ = read_bytes();
  timer_ = loop_.after(kQuietMs, [this] { check_drained(); });
}

bool Outputs::has_ended() const {
  for (const auto& stream : streams_) {
    if (!stream->has_ended()) return false;
  }
  return true;
}

bool Outputs::is_paused() const {
  for (const auto& stream : streams_) {
    if (stream->is_paused() && !stream->has_ended()) return true;
  }
  return false;
}

uint64_t Outputs::read_bytes() const {
  uint64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->read_bytes();
  return sum;
}

bool Outputs::is_quiet() const {
  if (is_paused()) return false;
  for (const auto& stream : streams_) {
    if (stream->has_waiting()) return false;
  }
  return read_bytes() == read_before_;
}

InputSink::InputSink(EventLoop& loop, UniqueFd fd, std::function<void()> on_room)
    : loop_(loop), fd_(std::move(fd)), on_room_(std::move(on_room)) {
  set_nonblocking(fd_.get());
}

InputSink::~InputSink() {
  if (fd_) loop_.forget(fd_.get());
}

void InputSink::write(std::string_view bytes) {
  if (!fd_ || is_ending_) return;
  kept_.append(bytes);
  flush();
}

void InputSink::end() {
  if (!fd_) return;
  is_ending_ = true;
  flush();
}

void InputSink::close() {
  if (!fd_) return;
  loop_.forget(fd_.get());
  fd_.reset();
  std::string().swap(kept_);
  on_room_();
}

void InputSink::flush() {
  while (!kept_.empty()) {
    const ssize_t count =
        retry_interrupted([&] { return ::write(fd_.get(), kept_.data(), kept_.size()); });
    if (count < 0 && errno == EAGAIN) {
      if (!is_watched_) loop_.watch(fd_.get(), EPOLLOUT, [this](uint32_t) { flush(); });
      is_watched_ = true;
      return;
    }
    if (count < 0) return close();
    kept_.erase(0, static_cast<size_t>(count));
  }
  if (is_watched_) loop_.forget(fd_.get());
  is_watched_ = false;
  std::string().swap(kept_);
  if (is_ending_) return close();
  on_room_();
}

}  // namespace ocup::shim
