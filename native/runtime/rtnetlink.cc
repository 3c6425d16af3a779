#include "runtime/rtnetlink.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

/** The kernel answers at once; whoever waits longer waits for an answer that was lost. */
constexpr timeval kPatience = {.tv_sec = 10, .tv_usec = 0};
constexpr size_t kReceiveBytes = 64 * 1024;

}  // namespace

NetlinkRequest::NetlinkRequest(int type, int flags) {
  nlmsghdr header = {};
  header.nlmsg_type = static_cast<uint16_t>(type);
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  append(&header, sizeof header);
}

void NetlinkRequest::append(const void* data, size_t size) {
  data_.append(static_cast<const char*>(data), size);
  data_.resize(NLMSG_ALIGN(data_.size()));
}

void NetlinkRequest::add_attribute(int type, const void* data, size_t size) {
  const rtattr attribute = {static_cast<uint16_t>(RTA_LENGTH(size)), static_cast<uint16_t>(type)};
  append(&attribute, sizeof attribute);
  append(data, size);
}

std::string_view NetlinkRequest::bytes() {
  const auto length = static_cast<uint32_t>(data_.size());
  std::memcpy(data_.data() + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
  return data_;
}

Rtnetlink::Rtnetlink() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (!fd_) throw SysError(errno, "socket", "AF_NETLINK");
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
}

void Rtnetlink::call(NetlinkRequest& request, std::string_view what) {
  call(request, what, [](const nlmsghdr&) {});
}

void Rtnetlink::call(NetlinkRequest& request, std::string_view what,
                     const std::function<void(const nlmsghdr& header)>& visit) {
  const std::string_view bytes = request.bytes();
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) throw SysError(errno, "send", what);
  alignas(nlmsghdr) char buffer[kReceiveBytes];
  for (;;) {
    const ssize_t got =
        retry_interrupted([&] { return ::recv(fd_.get(), buffer, sizeof buffer, 0); });
    if (got < 0) throw SysError(errno == EAGAIN ? ETIMEDOUT : errno, "recv", what);
    auto left = static_cast<unsigned>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type == NLMSG_DONE) return;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const int error = static_cast<nlmsgerr*>(NLMSG_DATA(header))->error;
        if (error != 0) throw SysError(-error, "rtnetlink", what);
        return;
      }
      visit(*header);
    }
  }
}

}  // namespace ocup
