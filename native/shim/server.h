#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "shim/connection.h"
#include "shim/container.h"
#include "shim/event_loop.h"

namespace ocup::shim {

/** Takes calls on `shim.sock` and hands them to the container. Only processes of our own user may
 * call. */
class Server {
 public:
  using OnRemoved = Container::OnRemoved;

  /** `on_removed` is called before the caller of `delete` gets its answer. Throws SysError. */
  Server(EventLoop& loop, RunFolder& folder, Container& container, OnRemoved on_removed);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /** Sends what is queued for all callers, waiting no longer than `timeout_ms`. */
  void flush(int64_t timeout_ms);

 private:
  void watch();
  void accept();
  void answer(const Caller& caller, std::string line);
  void call(const Caller& caller, const std::string& method, const JsonNode& params);

  EventLoop& loop_;
  Container& container_;
  OnRemoved on_removed_;
  UniqueFd listener_;
  std::unordered_map<uint64_t, Caller> callers_;
  uint64_t next_caller_ = 0;
};

}  // namespace ocup::shim
