#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "runtime/terminal.h"

namespace ocup {

namespace {

sigset_t attended_signals() {
  sigset_t set;
  ::sigfillset(&set);
  for (const int fault : {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&set, fault);
  }
  return set;
}

/** Raw mode on our own terminal for as long as it lives. */
class RawMode {
 public:
  RawMode() {
    if (::tcgetattr(STDIN_FILENO, &before_) < 0) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    is_set_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
  }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
  ~RawMode() {
    if (is_set_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }

 private:
  termios before_ = {};
  bool is_set_ = false;
};

/** Reaps all that ended; true once `pid` is among it. */
bool reap(pid_t pid, int& status) {
  for (;;) {
    int one = 0;
    const pid_t ended = ::waitpid(-1, &one, WNOHANG);
    if (ended == pid) {
      status = one;
      return true;
    }
    if (ended == 0 || (ended < 0 && errno == ECHILD)) return false;
  }
}

bool is_for_us_alone(int signal_number) {
  return signal_number == SIGCHLD || signal_number == SIGPIPE || signal_number == SIGURG ||
         signal_number == SIGTTIN || signal_number == SIGTTOU || signal_number == SIGTSTP;
}

int attend_signals(pid_t pid) {
  const sigset_t signals = attended_signals();
  int status = 0;
  // It may have ended before the first wait: its SIGCHLD is pending then.
  for (;;) {
    const int signal_number = ::sigwaitinfo(&signals, nullptr);
    if (signal_number == SIGCHLD && reap(pid, status)) return status;
    if (signal_number > 0 && !is_for_us_alone(signal_number)) ::kill(pid, signal_number);
  }
}

class TerminalRelay {
 public:
  TerminalRelay(pid_t pid, UniqueFd master) : pid_(pid), master_(std::move(master)) {
    const sigset_t set = attended_signals();
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) throw SysError(errno, "signalfd");
    copy_own_size(master_.get());
  }

  int run() {
    for (;;) {
      pollfd polls[3] = {{has_input_ ? STDIN_FILENO : -1, POLLIN, 0},
                         {master_.get(), POLLIN, 0},
                         {signals_.get(), POLLIN, 0}};
      if (::poll(polls, 3, -1) < 0 && errno != EINTR) throw SysError(errno, "poll");
      if (polls[0].revents != 0) pass_input();
      if (polls[1].revents != 0) pass_output();
      if (polls[2].revents != 0) take_signal();
      // Output is read to its end, which comes when nobody holds the terminal any more.
      if (is_ended_ && !has_more_output()) return status_;
    }
  }

 private:
  void pass_input() {
    char bytes[4096];
    const ssize_t count = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (count <= 0) {
      has_input_ = count < 0 && (errno == EINTR || errno == EAGAIN);
      // What a terminal reads as the end of its input.
      const char end_of_file = 4;
      if (!has_input_ && ::write(master_.get(), &end_of_file, 1) < 0) return;
      return;
    }
    write_all(master_.get(), {bytes, static_cast<size_t>(count)}, "terminal");
  }

  void pass_output() {
    char bytes[4096];
    const ssize_t count = ::read(master_.get(), bytes, sizeof bytes);
    if (count > 0) write_all(STDOUT_FILENO, {bytes, static_cast<size_t>(count)}, "standard output");
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) master_.reset();
  }

  bool has_more_output() {
    pollfd poll_one = {master_.get(), POLLIN, 0};
    return master_ && ::poll(&poll_one, 1, 0) > 0 && (poll_one.revents & POLLIN) != 0;
  }

  void take_signal() {
    signalfd_siginfo info = {};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    const int signal_number = static_cast<int>(info.ssi_signo);
    if (signal_number == SIGCHLD) {
      is_ended_ = is_ended_ || reap(pid_, status_);
    } else if (signal_number == SIGWINCH) {
      if (master_) copy_own_size(master_.get());
    } else if (!is_for_us_alone(signal_number)) {
      ::kill(pid_, signal_number);
    }
  }

  pid_t pid_;
  UniqueFd master_;
  UniqueFd signals_;
  bool has_input_ = true;
  bool is_ended_ = false;
  int status_ = 0;
};

}  // namespace

void copy_own_size(int master) {
  winsize size = {};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0) ::ioctl(master, TIOCSWINSZ, &size);
}

int attend(pid_t pid, UniqueFd master) {
  if (!master) return attend_signals(pid);
  const RawMode raw;
  return TerminalRelay(pid, std::move(master)).run();
}

void block_signals() {
  // Ignored by whoever started us, ended children would never be ours to wait for.
  ::signal(SIGCHLD, SIG_DFL);
  const sigset_t set = attended_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

void reset_signals() {
  for (int number = 1; number <= SIGRTMAX; ++number) {
    if (number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN)) {
      ::signal(number, SIG_DFL);
    }
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace ocup
