#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

// The first process of a container that asked for `init: true`. It is copied into foreign root file
// systems, so it links nothing but the C library and allocates nothing.
//
//   ocup-init -- COMMAND [ARGUMENT...]
//
// It starts COMMAND in a process group of its own, hands every signal on to that group, reaps
// whatever ends, and ends as COMMAND ended: with its code, or with 128 + the number of the signal
// that ended it.

namespace {

constexpr int kUsage = 2;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

void run_command(char** command, const sigset_t& mask) {
  ::setpgid(0, 0);
  // A background group that takes the terminal is sent SIGTTOU, which is blocked here: it takes it.
  if (::isatty(STDIN_FILENO) != 0) ::tcsetpgrp(STDIN_FILENO, ::getpid());
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvp(command[0], command);
  const int error_number = errno;
  std::fprintf(stderr, "ocup-init: exec %s: %s\n", command[0], std::strerror(error_number));
  ::_exit(error_number == ENOENT ? kNotFound : kNotExecutable);
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/** Reaps all that has ended; ends the program once `child` is among it. */
void reap(pid_t child) {
  for (;;) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid == child) ::_exit(exit_code(status));
    if (pid <= 0 && errno != EINTR) return;
    if (pid == 0) return;
  }
}

void forward(pid_t child, int signal_number) {
  if (::kill(-child, signal_number) < 0) ::kill(child, signal_number);
}

}  // namespace

int main(int argc, char** argv) {
  const int first = argc > 1 && std::strcmp(argv[1], "--") == 0 ? 2 : 1;
  if (first >= argc) {
    std::fputs("usage: ocup-init -- COMMAND [ARGUMENT...]\n", stderr);
    return kUsage;
  }
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  for (const int fault : {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS}) {
    ::sigdelset(&all, fault);
  }
  ::sigprocmask(SIG_SETMASK, &all, &before);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "ocup-init: fork: %s\n", std::strerror(errno));
    return 1;
  }
  if (child == 0) run_command(argv + first, before);
  for (;;) {
    const int signal_number = ::sigwaitinfo(&all, nullptr);
    if (signal_number == SIGCHLD) {
      reap(child);
    } else if (signal_number > 0) {
      forward(child, signal_number);
    }
  }
}
