#pragma once

#include <sys/types.h>

#include <functional>
#include <unordered_map>

#include "base/unique_fd.h"
#include "shim/event_loop.h"

namespace ocup::shim {

/**
 * Reaps every child, also those the kernel gave to this process as the nearest subreaper, and tells
 * the wait status to whoever asked for the pid. SIGCHLD must be blocked.
 *
 * A process that a runtime leaves behind may have ended before its pid is known here: while a
 * `Hold` lives, the statuses of pids that nobody asked for yet are kept.
 */
class Reaper {
 public:
  using Callback = std::function<void(int wait_status)>;

  /** Throws SysError. */
  explicit Reaper(EventLoop& loop);

  /** Calls back once when `pid` has ended; soon, if that was during a hold. */
  void on_exit(pid_t pid, Callback callback);

  class Hold {
   public:
    explicit Hold(Reaper& reaper) : reaper_(reaper) { ++reaper_.holds_; }
    ~Hold() {
      if (--reaper_.holds_ == 0) reaper_.unclaimed_.clear();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Reaper& reaper_;
  };

 private:
  void reap();

  EventLoop& loop_;
  UniqueFd signal_fd_;
  std::unordered_map<pid_t, Callback> callbacks_;
  std::unordered_map<pid_t, int> unclaimed_;
  int holds_ = 0;
};

}  // namespace ocup::shim
