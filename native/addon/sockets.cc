#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/net_namespace.h"
#include "addon/netlink.h"
#include "addon/promise_worker.h"
#include "base/error.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

constexpr int kBacklog = 511;

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};

SocketAddress parse_address(const std::string& text, uint16_t port) {
  SocketAddress result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof *v4;
    return result;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof *v6;
    return result;
  }
  throw SysError(EINVAL, "inet_pton", text);
}

void enable(int fd, int level, int option) {
  const int on = 1;
  if (::setsockopt(fd, level, option, &on, sizeof on) < 0) throw SysError(errno, "setsockopt");
}

struct SocketRequest {
  std::string type;
  std::string address;
  uint16_t port = 0;
  /**
   * Of a netlink socket: `port` is the protocol, and these messages are sent before the next socket
   * is opened.
   */
  std::vector<char> messages;
  size_t message_count = 0;
};

UniqueFd open_netlink_socket(const SocketRequest& request) {
  UniqueFd fd = open_netlink(request.port);
  if (request.message_count > 0) {
    require_netlink(fd.get(), request.messages, request.message_count);
  }
  return fd;
}

UniqueFd open_socket(const SocketRequest& request) {
  if (request.type == "netlink") return open_netlink_socket(request);
  const int type = request.type == "tcp" ? SOCK_STREAM : SOCK_DGRAM;
  const SocketAddress target = parse_address(request.address, request.port);
  const int family = target.storage.ss_family;
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SysError(errno, "socket");
  if (family == AF_INET6) enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (type == SOCK_STREAM) enable(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  const auto* name = reinterpret_cast<const sockaddr*>(&target.storage);
  if (::bind(fd.get(), name, target.length) < 0) throw SysError(errno, "bind", request.address);
  if (type == SOCK_STREAM && ::listen(fd.get(), kBacklog) < 0) {
    throw SysError(errno, "listen", request.address);
  }
  return fd;
}

std::vector<SocketRequest> parse_requests(const Napi::Array& items) {
  std::vector<SocketRequest> requests;
  for (uint32_t i = 0; i < items.Length(); ++i) {
    const auto item = items.Get(i).As<Napi::Array>();
    SocketRequest request;
    request.type = item.Get(0u).As<Napi::String>().Utf8Value();
    request.port = static_cast<uint16_t>(item.Get(1u).As<Napi::Number>().Uint32Value());
    if (request.type == "netlink") {
      const auto messages = item.Get(2u).As<Napi::Buffer<char>>();
      request.messages.assign(messages.Data(), messages.Data() + messages.Length());
      request.message_count = item.Get(3u).As<Napi::Number>().Uint32Value();
    } else {
      request.address = item.Get(2u).As<Napi::String>().Utf8Value();
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

/**
 * `openSockets(pid, requests) → promise of descriptors` in the network namespace of `pid` (0:
 * here). A request is `['udp' | 'tcp', port, address]`, bound and, for TCP, listening, or
 * `['netlink', protocol, messages, count]`.
 */
Napi::Value open_sockets(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>().Int32Value();
  return run_on_worker(
      info.Env(),
      [pid, requests = parse_requests(info[1].As<Napi::Array>())] {
        std::vector<UniqueFd> sockets;
        in_net_namespace(pid, [&] {
          for (const SocketRequest& request : requests) sockets.push_back(open_socket(request));
        });
        return sockets;
      },
      [](Napi::Env env, std::vector<UniqueFd>& sockets) {
        const auto result = Napi::Array::New(env, sockets.size());
        for (uint32_t i = 0; i < sockets.size(); ++i) {
          result.Set(i, Napi::Number::New(env, sockets[i].release()));
        }
        return result;
      });
}

/** Connects without blocking the kernel's way for longer than `timeout_ms`. Throws SysError. */
UniqueFd connect_socket(const std::string& address, uint16_t port, int timeout_ms) {
  const SocketAddress target = parse_address(address, port);
  UniqueFd fd(::socket(target.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SysError(errno, "socket");
  const auto* name = reinterpret_cast<const sockaddr*>(&target.storage);
  if (::connect(fd.get(), name, target.length) == 0) return fd;
  if (errno != EINPROGRESS) throw SysError(errno, "connect", address);
  pollfd poll_fd = {fd.get(), POLLOUT, 0};
  if (::poll(&poll_fd, 1, timeout_ms) != 1) throw SysError(ETIMEDOUT, "connect", address);
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) throw SysError(failure, "connect", address);
  return fd;
}

constexpr int kConnectTimeoutMs = 1000;

/** `connectSocket(pid, address, port) → promise of a descriptor`, connected in `pid`'s namespace.
 */
Napi::Value connect_socket_in_namespace(const Napi::CallbackInfo& info) {
  const pid_t pid = info[0].As<Napi::Number>().Int32Value();
  const std::string address = info[1].As<Napi::String>().Utf8Value();
  const auto port = static_cast<uint16_t>(info[2].As<Napi::Number>().Uint32Value());
  return run_on_worker(
      info.Env(),
      [=] {
        UniqueFd fd;
        in_net_namespace(pid, [&] { fd = connect_socket(address, port, kConnectTimeoutMs); });
        return fd;
      },
      [](Napi::Env env, UniqueFd& fd) { return Napi::Number::New(env, fd.release()); });
}

}  // namespace

void init_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("connectSocket",
              Napi::Function::New<connect_socket_in_namespace>(env, "connectSocket"));
  exports.Set("openSockets", Napi::Function::New<open_sockets>(env, "openSockets"));
}

}  // namespace ocup
