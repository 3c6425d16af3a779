#include "runtime/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr size_t kMaxText = 4096;

struct Header {
  unsigned step;
  int error_number;
};

void send_with_fds(int socket_fd, std::span<iovec> parts, std::span<const int> fds) {
  msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)] = {};
  if (fds.size() > kMaxFds) throw SysError(E2BIG, "sendmsg");
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  if (retry_interrupted([&] { return ::sendmsg(socket_fd, &message, MSG_NOSIGNAL); }) < 0) {
    throw SysError(errno, "sendmsg");
  }
}

std::vector<UniqueFd> received_fds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

void send_message(int socket_fd, Header header, std::string_view text, std::span<const int> fds) {
  if (text.size() > kMaxText) text = text.substr(0, kMaxText);
  iovec parts[2] = {{&header, sizeof header}, {const_cast<char*>(text.data()), text.size()}};
  send_with_fds(socket_fd, {parts, text.empty() ? size_t{1} : size_t{2}}, fds);
}

}  // namespace

void Channel::send(Step step, int error_number, std::string_view text, int fd) const {
  send_message(fd_.get(), {static_cast<unsigned>(step), error_number}, text,
               {&fd, fd < 0 ? size_t{0} : size_t{1}});
}

void Channel::send_all(Step step, std::string_view text, const std::vector<UniqueFd>& fds) const {
  std::vector<int> numbers;
  for (const auto& fd : fds) numbers.push_back(fd.get());
  send_message(fd_.get(), {static_cast<unsigned>(step), 0}, text, numbers);
}

bool Channel::receive(Message& message, int flags) const {
  Header header = {};
  char text[kMaxText];
  iovec parts[2] = {{&header, sizeof header}, {text, sizeof text}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)] = {};
  msghdr received = {};
  received.msg_iov = parts;
  received.msg_iovlen = 2;
  received.msg_control = control;
  received.msg_controllen = sizeof control;
  const auto take = [&] {
    return retry_interrupted(
        [&] { return ::recvmsg(fd_.get(), &received, MSG_CMSG_CLOEXEC | flags); });
  };
  ssize_t length = take();
  // Said once when the other side ends with something unread; what it sent before is still to be
  // had.
  if (length < 0 && errno == ECONNRESET) length = take();
  if (length < 0 && errno != ECONNRESET && errno != EAGAIN) throw SysError(errno, "recvmsg");
  if (length < static_cast<ssize_t>(sizeof header)) return false;
  message.step = static_cast<Step>(header.step);
  message.error_number = header.error_number;
  message.text.assign(text, static_cast<size_t>(length) - sizeof header);
  message.fds = received_fds(received);
  return true;
}

Message Channel::expect(Step step) const {
  Message message;
  if (!receive(message)) throw UserError("the process on the other side ended before it was ready");
  if (message.step == Step::kFailed) throw UserError(message.text);
  if (message.step != step) throw UserError("unexpected message in the talk with the container");
  return message;
}

std::string Channel::explain(const std::exception& error) const {
  try {
    Message message;
    if (fd_ && receive(message, MSG_DONTWAIT) && message.step == Step::kFailed) return message.text;
  } catch (const SysError&) {
    // There is nothing to hear any more.
  }
  return error.what();
}

ChannelPair make_channel() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
    throw SysError(errno, "socketpair");
  }
  return {Channel(UniqueFd(fds[0])), Channel(UniqueFd(fds[1]))};
}

void send_fd(int socket_fd, int fd, std::string_view text) {
  iovec part = {const_cast<char*>(text.data()), text.size()};
  send_with_fds(socket_fd, {&part, 1}, {&fd, 1});
}

UniqueFd connect_unix(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw SysError(errno, "socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SysError(ENAMETOOLONG, "connect", path);
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SysError(errno, "connect", path);
  }
  return fd;
}

}  // namespace ocup
