#pragma once

#include <napi.h>
#include <sys/epoll.h>
#include <uv.h>

#include <cerrno>
#include <functional>
#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ocup {

/**
 * Waits in Node's loop until a descriptor can be read or written. The descriptor itself is left as it is: libuv would
 * make it non-blocking, for everybody who shares its open file, so an epoll of our own stands between.
 */
class LoopPoll {
 public:
  /** Throws SysError. */
  LoopPoll(Napi::Env env, std::function<void()> on_ready)
      : inner_(new Inner{std::move(on_ready), UniqueFd(::epoll_create1(EPOLL_CLOEXEC)), {}, false}) {
    if (!inner_->epoll) {
      const int failed = errno;
      delete inner_;
      throw SysError(failed, "epoll_create1");
    }
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    inner_->poll.data = inner_;
    if (const int failed = uv_poll_init(loop, &inner_->poll, inner_->epoll.get()); failed < 0) {
      delete inner_;
      throw SysError(-failed, "uv_poll_init");
    }
  }
  ~LoopPoll() {
    inner_->is_closed = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&inner_->poll),
             [](uv_handle_t* handle) { delete static_cast<Inner*>(handle->data); });
  }
  LoopPoll(const LoopPoll&) = delete;
  LoopPoll& operator=(const LoopPoll&) = delete;

  /** Calls back whenever `fd` is ready for `events` (EPOLLIN, EPOLLOUT), until `stop`. Throws SysError. */
  void start(int fd, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    if (::epoll_ctl(inner_->epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0 && errno != EEXIST) {
      throw SysError(errno, "epoll_ctl");
    }
    uv_poll_start(&inner_->poll, UV_READABLE, [](uv_poll_t* poll, int, int) {
      const Inner* inner = static_cast<Inner*>(poll->data);
      if (!inner->is_closed) inner->on_ready();
    });
  }

  void stop() { uv_poll_stop(&inner_->poll); }

 private:
  struct Inner {
    std::function<void()> on_ready;
    UniqueFd epoll;
    uv_poll_t poll;
    bool is_closed;
  };
  Inner* inner_;
};

}  // namespace ocup
