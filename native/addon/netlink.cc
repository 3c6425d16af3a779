#include "addon/netlink.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "addon/addon.h"
#include "addon/promise_worker.h"
#include "base/error.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

/** The kernel answers at once; whoever waits longer waits for an answer that was lost. */
constexpr timeval kPatience = {.tv_sec = 10, .tv_usec = 0};
constexpr size_t kReceiveBytes = 64 * 1024;

/** How many requests the messages in `bytes` bring to their end. */
size_t count_ends(const std::vector<char>& bytes, size_t from) {
  size_t ends = 0;
  while (bytes.size() - from >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data() + from, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size() - from) {
      throw SysError(EBADMSG, "recv", "netlink");
    }
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) ends += 1;
    from += std::min(static_cast<size_t>(NLMSG_ALIGN(header.nlmsg_len)), bytes.size() - from);
  }
  return ends;
}

/**
 * `transactNetlink(descriptor, requests, count) → promise of all replies`: sends `count` messages,
 * each of which asks for an acknowledgement or a dump, and reads until each has come to its end.
 */
Napi::Value transact(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const auto buffer = info[1].As<Napi::Buffer<char>>();
  const size_t count = info[2].As<Napi::Number>().Uint32Value();
  std::vector<char> request(buffer.Data(), buffer.Data() + buffer.Length());
  return run_on_worker(
      info.Env(),
      [fd, request = std::move(request), count] { return transact_netlink(fd, request, count); },
      [](Napi::Env env, std::vector<char>& replies) {
        return Napi::Buffer<char>::Copy(env, replies.data(), replies.size());
      });
}

}  // namespace

UniqueFd open_netlink(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) throw SysError(errno, "socket", "AF_NETLINK");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  // Without this an error would carry the whole request back.
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return fd;
}

std::vector<char> transact_netlink(int fd, const std::vector<char>& request, size_t count) {
  const ssize_t sent =
      retry_interrupted([&] { return ::send(fd, request.data(), request.size(), 0); });
  if (sent < 0) throw SysError(errno, "send", "netlink");
  std::vector<char> replies;
  const auto chunk = std::make_unique_for_overwrite<char[]>(kReceiveBytes);
  for (size_t ends = 0; ends < count;) {
    const ssize_t got = retry_interrupted(
        [&] { return ::recv(fd, chunk.get(), kReceiveBytes, MSG_TRUNC); });
    if (got < 0) throw SysError(errno == EAGAIN ? ETIMEDOUT : errno, "recv", "netlink");
    if (static_cast<size_t>(got) > kReceiveBytes) throw SysError(EMSGSIZE, "recv", "netlink");
    const size_t before = replies.size();
    replies.insert(replies.end(), chunk.get(), chunk.get() + got);
    ends += count_ends(replies, before);
  }
  return replies;
}

void require_netlink(int fd, const std::vector<char>& request, size_t count) {
  const std::vector<char> replies = transact_netlink(fd, request, count);
  for (size_t at = 0; replies.size() - at >= NLMSG_HDRLEN + sizeof(nlmsgerr);) {
    nlmsghdr header;
    std::memcpy(&header, replies.data() + at, sizeof header);
    nlmsgerr failure;
    std::memcpy(&failure, replies.data() + at + NLMSG_HDRLEN, sizeof failure);
    if (header.nlmsg_type == NLMSG_ERROR && failure.error != 0) {
      throw SysError(-failure.error, "netlink");
    }
    at += std::min(static_cast<size_t>(NLMSG_ALIGN(header.nlmsg_len)), replies.size() - at);
  }
}

void init_netlink(Napi::Env env, Napi::Object exports) {
  exports.Set("transactNetlink", Napi::Function::New<transact>(env, "transactNetlink"));
}

}  // namespace ocup
