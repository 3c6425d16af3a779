#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"

namespace ocup::shim {

/**
 * The one thread's loop: descriptors (level-triggered), timers, and tasks for "after this call".
 * A handler may watch and forget anything, itself too; objects that own a running handler are
 * destroyed in a task given to `later`.
 */
class EventLoop {
 public:
  /** Gets the epoll events. */
  using Handler = std::function<void(uint32_t)>;
  using Task = std::function<void()>;
  using Timer = uint64_t;

  /** Throws SysError. */
  EventLoop();

  /** Throws SysError. `fd` must be forgotten before it is closed. */
  void watch(int fd, uint32_t events, Handler handler);
  /** Asks for other events of a watched descriptor. */
  void change(int fd, uint32_t events);
  /** No call comes any more. Harmless when it is not watched. */
  void forget(int fd);

  Timer after(int64_t delay_ms, Task task);
  /** Harmless for a timer that went off. */
  void cancel(Timer timer);

  /** Runs `task` when the call that runs now is over. */
  void later(Task task);

  struct Observers {
    /** Gets the text of what a handler threw. */
    std::function<void(const char*)> on_fault;
    /** Nothing has happened for a second. */
    Task on_idle;
  };

  /** Runs until `stop`. */
  void run(const Observers& observers);
  void stop() { is_stopped_ = true; }

 private:
  using TimerKey = std::pair<int64_t, Timer>;

  void dispatch(const Task& on_idle);
  void run_timers();
  void run_tasks();
  int wait_ms() const;

  UniqueFd epoll_;
  std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
  std::map<TimerKey, Task> timers_;
  std::unordered_map<Timer, int64_t> due_;
  std::vector<Task> tasks_;
  Timer next_timer_ = 1;
  bool is_idle_ = false;
  bool is_stopped_ = false;
};

/** Milliseconds of the clock that never goes back. */
int64_t monotonic_ms();

}  // namespace ocup::shim
