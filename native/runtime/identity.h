#pragma once

#include <string>

#include "runtime/spec.h"

namespace ocup {

/**
 * Gives up what the process shall not have: ids, groups, capabilities. With `keeps_sys_admin` it
 * keeps CAP_SYS_ADMIN, which a seccomp filter without no_new_privs needs, until `drop_sys_admin`.
 * What the runtime itself does not have is left out with a warning. Throws SysError.
 */
void take_identity(const Process& process, bool keeps_sys_admin);
void drop_sys_admin(const Process& process);

/** Becomes root of the user namespace this process is in. Throws SysError. */
void become_namespace_root();

/** Raises our own hard limits where the process shall have higher ones. Throws SysError. */
void raise_limits(const Process& process);
void set_limits(const Process& process);

/** I/O priority and scheduler. Throws SysError. */
void set_scheduling(const Process& process);

/** Throws SysError, UserError for a node that is not there. */
void set_memory_policy(const MemoryPolicy& policy);

/** The CPUs this process may run on. Throws SysError. */
void set_affinity(const std::vector<unsigned>& cpus);
/** All CPUs of the cgroup, whatever the runtime itself was bound to. */
void reset_affinity();

void write_oom_score(pid_t pid, int score);

/** The home folder of `uid` in /etc/passwd below `root_fd`; `/` when it has none. */
std::string home_of(int root_fd, uid_t uid);

/** Every capability this kernel has. */
int last_capability();

}  // namespace ocup
