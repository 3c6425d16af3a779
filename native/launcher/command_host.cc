#include "launcher/command_host.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr int kStreams = 3;
/** A host that is busy for longer than a few starts of Node.js is not waited for. */
constexpr int kAnswerTimeoutMs = 1000;

std::string frame_header(Message type, size_t size) {
  std::string header(1, static_cast<char>(type));
  for (int shift = 24; shift >= 0; shift -= 8) {
    header.push_back(static_cast<char>((size >> shift) & 0xff));
  }
  return header;
}

void send_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = retry_interrupted([&] { return ::send(fd, data, size, MSG_NOSIGNAL); });
    if (sent < 0) throw SysError(errno, "send");
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

/** The first byte carries the descriptors. */
void send_with_streams(int fd, const std::string& frame) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kStreams)] = {};
  iovec part = {const_cast<char*>(frame.data()), frame.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof(int) * kStreams);
  const int streams[kStreams] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  std::memcpy(CMSG_DATA(item), streams, sizeof streams);
  const ssize_t sent = retry_interrupted([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
  if (sent < 0) throw SysError(errno, "sendmsg");
  send_all(fd, frame.data() + sent, frame.size() - static_cast<size_t>(sent));
}

bool is_accepted(int fd) {
  pollfd poll = {fd, POLLIN, 0};
  if (retry_interrupted([&] { return ::poll(&poll, 1, kAnswerTimeoutMs); }) <= 0) return false;
  char frame[kFrameHeaderBytes] = {};
  const ssize_t size = retry_interrupted([&] { return ::recv(fd, frame, sizeof frame, MSG_WAITALL); });
  return size == sizeof frame && frame[0] == static_cast<char>(Message::kAccepted);
}

}  // namespace

void send_frame(int fd, Message type, const std::string& payload) {
  const std::string frame = frame_header(type, payload.size()) + payload;
  send_all(fd, frame.data(), frame.size());
}

std::string command_socket(const std::string& run_folder) { return run_folder + "/commands.sock"; }

UniqueFd connect_to_host(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return {};
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd.get(), name, sizeof address) < 0) return {};
  // Our environment goes to nobody but ourselves.
  ucred peer = {};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return {};
  if (peer.uid != ::geteuid()) return {};
  return fd;
}

bool hand_over(int fd, const std::string& request) {
  try {
    send_frame(fd, Message::kRequest, request);
    if (!is_accepted(fd)) return false;
    // Not before: a host that does not answer would hold them open.
    send_with_streams(fd, frame_header(Message::kGo, 0));
    return true;
  } catch (const SysError&) {
    return false;
  }
}

}  // namespace ocup
