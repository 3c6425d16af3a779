#include "shim/console.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace ocup::shim {

namespace {

/** The descriptor that came with one message, or an empty one. */
UniqueFd receive_descriptor(int socket_fd) {
  char bytes[4096];
  iovec part = {bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t count = retry_interrupted(
      [&] { return ::recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  if (count < 0) throw SysError(errno, "recvmsg");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
    return UniqueFd();
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace

ConsoleSocket::ConsoleSocket(RunFolder& folder)
    : file_(folder, "console-" + folder.next_number() + ".sock"),
      listener_(listen_at(file_.short_path())) {}

UniqueFd ConsoleSocket::take_terminal() {
  const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer) throw UserError("the runtime sent no terminal");
  UniqueFd terminal = receive_descriptor(peer.get());
  if (!terminal) throw UserError("the runtime sent no terminal");
  return terminal;
}

bool set_terminal_size(int fd, unsigned rows, unsigned columns) {
  winsize size = {};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  return ::ioctl(fd, TIOCSWINSZ, &size) == 0;
}

UniqueFd listen_at(const std::string& path) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) throw SysError(errno, "socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SysError(ENAMETOOLONG, "bind", path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  // The mode of the socket's file: Linux takes that of the descriptor.
  ::fchmod(listener.get(), 0600);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SysError(errno, "bind", path);
  }
  if (::listen(listener.get(), 128) < 0) throw SysError(errno, "listen", path);
  return listener;
}

}  // namespace ocup::shim
