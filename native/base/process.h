#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

/** What `/proc/<pid>/stat` says about a process. */
struct ProcessStat {
  /** As in `man 5 proc`: R, S, D, Z (ended, not reaped), X, T, t, I. */
  char state;
  pid_t parent;
  /** Clock ticks since boot: with the pid it names a process for good. */
  uint64_t start_time;
  uint64_t cpu_ticks;
  /** Device number of the controlling terminal; 0 is none. */
  int terminal;
};

/** Undefined when there is no such process. */
std::optional<ProcessStat> find_process(pid_t pid);

/** A descriptor of the process, or an empty one with errno. See man 2 pidfd_open (Linux 5.3). */
UniqueFd open_pidfd(pid_t pid);

/**
 * One process, which is never another one of the same pid: by a pidfd, or by its folder in /proc
 * where neither the kernel nor a seccomp filter around us allows pidfds.
 */
class ProcessHandle {
 public:
  /** Empty when there is no such process. */
  explicit ProcessHandle(pid_t pid);

  explicit operator bool() const { return fd_ || folder_; }
  /** 0 or the errno: ESRCH when it is gone. */
  int signal(int signal_number) const;
  /** True once it has ended; waits no longer than `timeout_ms`. */
  bool await_end(int timeout_ms) const;
  /** To be polled for its end; -1 where there are no pidfds: ask `await_end(0)` now and then. */
  int pidfd() const { return fd_.get(); }

 private:
  bool has_ended() const;

  pid_t pid_;
  UniqueFd fd_;
  UniqueFd folder_;
};

/** Waits for the child and returns its wait status. Throws SysError. */
int wait_for(pid_t pid);

/** The code a shell would report: the exit code, or 128 + signal. */
int exit_code_of(int wait_status);

/** Undefined for a name or number the kernel does not have. Takes `9`, `KILL`, `SIGKILL`,
 * `SIGRTMIN+1`. */
std::optional<int> parse_signal(const std::string& text);

struct Program {
  std::string path;
  /** `args[0]` is the program's name for itself. */
  std::vector<std::string> args;
  std::vector<std::string> env;
  /** Written to its standard input, which then ends. */
  std::string input;
  /** 0 is no limit. */
  int timeout_ms = 0;
  /** Collects its standard output and standard error when not null; else it shares ours. */
  std::string* output = nullptr;
};

struct ProgramResult {
  int wait_status;
  bool is_timed_out;
};

/** Runs a program and waits for it; on timeout it is killed. Throws SysError when it cannot be
 * executed. */
ProgramResult run_program(const Program& program);

/** Pointers for execve; valid as long as `list` is unchanged. */
std::vector<char*> exec_list(const std::vector<std::string>& list);

}  // namespace ocup
