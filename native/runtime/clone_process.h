#pragma once

#include <sys/types.h>

#include <cstdint>

#include "runtime/spec.h"

namespace ocup {

/** How a process is made that lives in other namespaces than the runtime. */
struct ClonePlan {
  /** CLONE_NEW* made at once. */
  uint64_t flags = 0;
  /** Namespaces that have to be entered before: -1 is none. */
  int user_ns = -1;
  int pid_ns = -1;
  /** A new time namespace is set before anyone is born into it. */
  bool has_new_time_ns = false;
  const std::vector<TimeOffset>* time_offsets = nullptr;
  /** A cgroup of version 2 to be born in, as far as that can be done; -1 is none. */
  int cgroup = -1;
};

struct Cloned {
  /** 0 in the child. */
  pid_t pid;
  bool is_born_in_cgroup;
};

/** The child is ours in every case. Throws SysError. */
Cloned clone_process(const ClonePlan& plan);

/** Writes uid_map and gid_map of the child. Throws SysError. */
void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids,
                   const std::vector<IdMapping>& gids);

}  // namespace ocup
