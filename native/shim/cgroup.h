#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ocup::shim {

/** In bytes; 0 where it is not known, and for no limit. */
struct MemoryUse {
  int64_t limit = 0;
  int64_t peak = 0;
};

/** Where a container's processes are accounted for. Fields are empty where it has no group of its
 * own. */
class Cgroup {
 public:
  Cgroup() = default;

  /** The groups of process `pid`, as far as they are not ours too. Both cgroup versions and
   * hybrids. */
  static Cgroup of_process(pid_t pid);

  /** Whether the kernel has killed one of its processes for want of memory. */
  bool has_oom_kill() const;

  /** What its processes may take of memory, and the most that they took at once. */
  MemoryUse memory_use() const;

  /** Sends a signal to every process in it and below; false when the group is not known. */
  bool signal_all(int signal_number) const;

 private:
  /** `memory.events` of version 2, `memory.oom_control` of version 1. */
  std::string oom_file_;
  std::string limit_file_;
  std::string peak_file_;
  std::string folder_;
};

}  // namespace ocup::shim
