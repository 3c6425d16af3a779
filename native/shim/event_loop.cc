#include "shim/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <exception>

#include "base/error.h"

namespace ocup::shim {

namespace {

constexpr int kIdleMs = 1000;

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw SysError(errno, "epoll_create1");
}

void EventLoop::watch(int fd, uint32_t events, Handler handler) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) throw SysError(errno, "epoll_ctl");
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void EventLoop::change(int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) < 0) throw SysError(errno, "epoll_ctl");
}

void EventLoop::forget(int fd) {
  if (handlers_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::Timer EventLoop::after(int64_t delay_ms, Task task) {
  const Timer timer = next_timer_++;
  const int64_t due = monotonic_ms() + std::max<int64_t>(delay_ms, 0);
  due_[timer] = due;
  timers_.emplace(TimerKey{due, timer}, std::move(task));
  return timer;
}

void EventLoop::cancel(Timer timer) {
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  timers_.erase(TimerKey{found->second, timer});
  due_.erase(found);
}

void EventLoop::later(Task task) { tasks_.push_back(std::move(task)); }

void EventLoop::run(const Observers& observers) {
  while (!is_stopped_) {
    try {
      run_tasks();
      if (is_stopped_) return;
      dispatch(observers.on_idle);
      run_timers();
    } catch (const std::exception& error) {
      observers.on_fault(error.what());
    }
  }
}

void EventLoop::dispatch(const Task& on_idle) {
  // One event a wait: no event can be left over for a descriptor that a handler has closed
  // meanwhile.
  epoll_event event = {};
  const int wanted_ms = wait_ms();
  const bool may_idle = !is_idle_ && (wanted_ms < 0 || wanted_ms > kIdleMs);
  const int count = ::epoll_wait(epoll_.get(), &event, 1, may_idle ? kIdleMs : wanted_ms);
  if (count < 0 && errno != EINTR) throw SysError(errno, "epoll_wait");
  is_idle_ = count == 0 && (may_idle || is_idle_);
  if (count == 0 && may_idle) on_idle();
  if (count <= 0) return;
  const auto found = handlers_.find(event.data.fd);
  if (found == handlers_.end()) return;
  const std::shared_ptr<Handler> handler = found->second;
  (*handler)(event.events);
}

void EventLoop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first.first <= monotonic_ms()) {
    const Task task = std::move(timers_.begin()->second);
    due_.erase(timers_.begin()->first.second);
    timers_.erase(timers_.begin());
    task();
  }
}

void EventLoop::run_tasks() {
  while (!tasks_.empty()) {
    const Task task = std::move(tasks_.front());
    tasks_.erase(tasks_.begin());
    task();
  }
}

int EventLoop::wait_ms() const {
  if (!tasks_.empty()) return 0;
  if (timers_.empty()) return -1;
  return static_cast<int>(
      std::clamp<int64_t>(timers_.begin()->first.first - monotonic_ms(), 0, INT_MAX));
}

int64_t monotonic_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace ocup::shim
