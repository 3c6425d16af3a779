#include "shim/journal.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "shim/event_loop.h"

namespace ocup::shim {

namespace {

constexpr char kSocketPath[] = "/run/systemd/journal/socket";
constexpr timeval kSendTimeout = {.tv_sec = 1, .tv_usec = 0};
constexpr int64_t kSilenceMs = 5000;

/** Syslog's `info` and `err`. */
const char* priority_of(Stream stream) { return stream == Stream::kStdout ? "6" : "3"; }

/** With the length in front, so that it may hold any bytes. */
void append_field(std::string& entry, std::string_view name, std::string_view value) {
  entry.append(name).append(1, '\n');
  for (int shift = 0; shift < 64; shift += 8) {
    entry.push_back(static_cast<char>((uint64_t{value.size()} >> shift) & 0xff));
  }
  entry.append(value).append(1, '\n');
}

}  // namespace

Journal::Journal(const std::vector<std::string>& fields) {
  for (const std::string& field : fields) {
    const size_t equals = field.find('=');
    if (equals == std::string::npos) continue;
    append_field(fields_, field.substr(0, equals), field.substr(equals + 1));
  }
}

void Journal::send(Stream stream, std::string_view text, bool is_partial) {
  if (silent_until_ms_ > 0 && monotonic_ms() < silent_until_ms_) return;
  entry_ = fields_;
  append_field(entry_, "PRIORITY", priority_of(stream));
  if (is_partial) append_field(entry_, "CONTAINER_PARTIAL_MESSAGE", "true");
  append_field(entry_, "MESSAGE", text);
  // One that was started anew has another socket.
  for (int tries = 0; tries < 2; ++tries) {
    if (!socket_ && !connect()) break;
    const ssize_t sent = retry_interrupted(
        [&] { return ::send(socket_.get(), entry_.data(), entry_.size(), MSG_NOSIGNAL); });
    if (sent >= 0) return;
    const bool is_busy = errno == EAGAIN;
    socket_ = UniqueFd();
    if (is_busy) break;
  }
  silent_until_ms_ = monotonic_ms() + kSilenceMs;
}

bool Journal::connect() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, kSocketPath, sizeof kSocketPath);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    return false;
  }
  socket_ = std::move(fd);
  return true;
}

}  // namespace ocup::shim
