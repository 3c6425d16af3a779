#pragma once

#include "runtime/cgroup.h"
#include "runtime/channel.h"

namespace ocup {

// The way into cgroups that does not wait. To move another process the kernel takes a lock whose
// writers wait for an RCU grace period, which takes 5 to 20 ms on a machine at rest. It needs no
// such lock for a process that is born in a cgroup (version 2, CLONE_INTO_CGROUP), nor for one that
// writes "0" into `tasks` of version 1 to move itself.

/** The cgroup of version 2 for clone3 to make a process in; empty when there is none. */
UniqueFd open_birth_cgroup(const Cgroup& cgroup);

/** Sends kCgroupReady with the version 1 cgroups, opened, for the other side to enter. Throws
 * SysError. */
void admit_to_cgroups(const Channel& channel, const Cgroup& cgroup);

/** Waits for kCgroupReady and moves this process, of a single thread, into what came with it.
 * Throws SysError. */
void enter_cgroups(const Channel& channel);

}  // namespace ocup
