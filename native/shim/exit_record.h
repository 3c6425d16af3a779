#pragma once

#include <sys/types.h>

#include <string>

namespace ocup::shim {

/** How the container's first process ended. */
struct ExitRecord {
  pid_t pid;
  int exit_code;
  int signal;
  bool is_oom_killed;
  std::string exited_at;

  /** `ShimExit` in src/wire/shim.ts. */
  std::string json() const;
};

/** Of a process that ended just now. */
ExitRecord make_exit_record(pid_t pid, int wait_status, bool is_oom_killed);

}  // namespace ocup::shim
