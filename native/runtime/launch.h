#pragma once

#include <string>
#include <vector>

#include "runtime/channel.h"
#include "runtime/seccomp.h"
#include "runtime/security_labels.h"
#include "runtime/spec.h"

namespace ocup {

/** A namespace to enter, opened while the host's paths still mean what the bundle's author meant.
 */
struct NamespaceJoin {
  int flag;
  UniqueFd fd;
};

/** How a process of a container is started, whether it is the first one or one that joins. */
struct Launch {
  Process process;
  SeccompFilter filter;
  /** Descriptors from 3 on that the program gets. */
  unsigned preserved_fds = 0;
  bool has_new_keyring = true;
  std::string id;
  std::optional<unsigned long> personality;
  std::optional<MemoryPolicy> memory_policy;
  ExecLabel label;

  /** A filter without no_new_privs is installed with a privilege that is dropped right after it. */
  bool keeps_sys_admin() const { return !filter.is_empty() && !process.no_new_privileges; }
};

/**
 * In the container, as its root: everything up to execve: working folder, ids, capabilities,
 * environment. Returns the path of the program. Throws UserError worded as runc does, SysError.
 */
std::string prepare_launch(Launch& launch, int root_fd);

/** Limits, filter, descriptors, execve. Hands a listener over by `channel`. Returns only by
 * throwing. */
[[noreturn]] void execute(const Launch& launch, const std::string& program, const Channel& channel);

/** Enters them one after the other, the mount namespace last. Throws SysError. */
void join_namespaces(const std::vector<NamespaceJoin>& joins);

/** A session of its own, with a keyring of its own. Throws SysError. */
void start_session(const Launch& launch);

/**
 * Closes every descriptor from 3 on but `kept` and those that the program gets. A process that is
 * inside while it holds a folder of the host would be a way out for whoever can look into it.
 */
void close_all_but(std::vector<int> kept, const Launch& launch);

/** Reports the exception that is being handled to the runtime, and ends this process. */
[[noreturn]] void fail_child(const Channel& channel);

}  // namespace ocup
