#include "shim/reaper.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"

namespace ocup::shim {

Reaper::Reaper(EventLoop& loop) : loop_(loop) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  signal_fd_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signal_fd_) throw SysError(errno, "signalfd");
  loop_.watch(signal_fd_.get(), EPOLLIN, [this](uint32_t) { reap(); });
}

void Reaper::on_exit(pid_t pid, Callback callback) {
  // What is kept under a number that a living child has now is of an earlier process.
  siginfo_t info = {};
  const bool is_here =
      ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  if (is_here) unclaimed_.erase(pid);
  const auto found = unclaimed_.find(pid);
  if (found == unclaimed_.end()) {
    callbacks_[pid] = std::move(callback);
    return;
  }
  const int status = found->second;
  unclaimed_.erase(found);
  loop_.later([callback = std::move(callback), status] { callback(status); });
}

void Reaper::reap() {
  signalfd_siginfo info;
  while (::read(signal_fd_.get(), &info, sizeof info) > 0) continue;
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    const auto found = callbacks_.find(pid);
    if (found != callbacks_.end()) {
      const Callback callback = std::move(found->second);
      callbacks_.erase(found);
      // As a task: what one callback throws must not keep the others from being called.
      loop_.later([callback, status] { callback(status); });
    } else if (holds_ > 0) {
      unclaimed_[pid] = status;
    }
  }
}

}  // namespace ocup::shim
