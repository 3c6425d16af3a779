#pragma once

#include <string>

namespace ocup {

/**
 * Leaves a command host for the commands to come, where this process becomes one that ends soon: it
 * is started when that has ended, unless there is one by then, and goes when nobody has called for
 * a while. Never fails: without it the next command starts a Node.js of its own as well. `root` is
 * where ocup is installed.
 */
void leave_standby(const std::string& root, const std::string& run_folder);

}  // namespace ocup
