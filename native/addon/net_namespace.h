#pragma once

#include <sys/types.h>

#include <functional>

namespace ocup {

/**
 * Runs `work` on a thread of its own inside the network namespace of process `pid`; 0 stands for
 * this process's namespace and runs it in place. What `work` throws is thrown here. Throws
 * SysError.
 */
void in_net_namespace(pid_t pid, const std::function<void()>& work);

}  // namespace ocup
