#pragma once

#include <string>
#include <vector>

namespace ocup {

/**
 * One run of the runtime's command line, without the name of the program: its exit code. Throws
 * nothing: what goes wrong is written where `--log` says and to standard error.
 */
int runtime_main(const std::vector<std::string>& words);

}  // namespace ocup
