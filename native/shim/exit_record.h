#pragma once

#include <sys/types.h>

#include <string>

#include "shim/cgroup.h"

namespace ocup::shim {

/** How the container's first process ended. */
struct ExitRecord {
  pid_t pid;
  int exit_code;
  int signal;
  bool is_oom_killed;
  /** Of one that the kernel ended for want of memory. */
  MemoryUse memory;
  std::string exited_at;

  /** `ShimExit` in src/wire/shim.ts. */
  std::string json() const;
};

/** Of a process that ended just now. */
ExitRecord make_exit_record(pid_t pid, int wait_status, const Cgroup& cgroup);

}  // namespace ocup::shim
