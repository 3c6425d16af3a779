#include "shim/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>

#include "base/error.h"
#include "shim/console.h"

namespace ocup::shim {

namespace {

constexpr int64_t kAcceptRetryMs = 100;

bool is_own_user(int socket_fd) {
  ucred credentials = {};
  socklen_t length = sizeof credentials;
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return false;
  return credentials.uid == ::geteuid();
}

/** `params` of a method that takes none may be missing. */
JsonNode params_of(const JsonNode& root) {
  static const rapidjson::Value none(rapidjson::kObjectType);
  const auto params = root.find("params");
  if (params && !params->value().IsObject()) params->fail("must be an object");
  return params ? *params : JsonNode(none);
}

}  // namespace

Server::Server(EventLoop& loop, RunFolder& folder, Container& container, OnRemoved on_removed)
    : loop_(loop),
      container_(container),
      on_removed_(std::move(on_removed)),
      listener_(listen_at(folder.short_path("shim.sock"))) {
  watch();
}

Server::~Server() { loop_.forget(listener_.get()); }

void Server::flush(int64_t timeout_ms) {
  const int64_t deadline = monotonic_ms() + timeout_ms;
  for (const auto& [number, caller] : callers_) caller->flush_until(deadline);
}

void Server::watch() {
  loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept(); });
}

void Server::accept() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
    // The caller stays in the queue, and the queue readable: look again when there may be room.
    loop_.forget(listener_.get());
    loop_.after(kAcceptRetryMs, [this] { watch(); });
  }
  if (!fd || !is_own_user(fd.get())) return;
  const uint64_t number = next_caller_++;
  callers_[number] = std::make_shared<Connection>(
      loop_, std::move(fd),
      [this, number](std::string line) { answer(callers_.at(number), std::move(line)); },
      [this, number] { callers_.erase(number); });
}

void Server::answer(const Caller& caller, std::string line) {
  try {
    check_depth(line);
    const JsonDocument document(std::move(line), "request");
    const JsonNode root(document.root());
    call(caller, root.get("method").string(), params_of(root));
  } catch (const SpecError& error) {
    caller->send_error("E_WIRE_PROTOCOL", error.what());
  } catch (const std::exception& error) {
    caller->send_error("E_INTERNAL", error.what());
  }
}

void Server::call(const Caller& caller, const std::string& method, const JsonNode& params) {
  if (method == "state") return container_.answer_state(caller);
  if (method == "start") return container_.start(caller, params.boolean("watch", false));
  if (method == "signal") {
    return container_.signal(caller, parse_signal_number(params), params.boolean("all", false));
  }
  if (method == "pause") return container_.pause(caller);
  if (method == "resume") return container_.resume(caller);
  if (method == "resize") return container_.resize(caller, parse_size(params));
  if (method == "watch") return container_.watch(caller);
  if (method == "attach") return container_.attach(caller, params.boolean("hasStdin", false));
  if (method == "exec") return container_.exec(caller, parse_exec(params));
  if (method == "delete") return container_.remove(caller, on_removed_);
  throw SpecError("method", "there is no method \"" + method + "\"");
}

}  // namespace ocup::shim
