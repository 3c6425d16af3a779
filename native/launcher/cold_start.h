#pragma once

#include <string>

namespace ocup {

/** Becomes Node.js on the bundled command line below `root`. Throws UserError. */
[[noreturn]] void cold_start(const std::string& root, int argc, char** argv);

}  // namespace ocup
