#include "launcher/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

SignalSource::SignalSource() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT}) {
    struct sigaction action = {};
    // A blocked signal would come although it is ignored.
    const bool is_ignored = ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (!is_ignored) ::sigaddset(&set, number);
  }
  fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw SysError(errno, "signalfd");
  if (::sigprocmask(SIG_BLOCK, &set, &before_) < 0) throw SysError(errno, "sigprocmask");
}

SignalSource::~SignalSource() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

int SignalSource::next() const {
  signalfd_siginfo info = {};
  const ssize_t size = retry_interrupted([&] { return ::read(fd_.get(), &info, sizeof info); });
  return size == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void stop_self() { ::raise(SIGSTOP); }

}  // namespace ocup
