#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "runtime/channel.h"
#include "runtime/state.h"

namespace ocup {

/**
 * Waits until the process on the other side has executed its program. When its filter has a notify
 * listener, hands that to the agent at linux.seccomp.listenerPath, with the container process state
 * of the specification. `seccomp` may be null. Throws UserError with the other side's failure.
 */
void await_execve(const Channel& channel, const rapidjson::Value* seccomp,
                  const ContainerState& state, Status status, pid_t pid);

}  // namespace ocup
