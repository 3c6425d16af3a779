#pragma once

#include "base/unique_fd.h"
#include "copy/request.h"

namespace ocup::copy {

/**
 * Opens the tree's top folder with O_PATH. Of a container that does not run its root and mounts are
 * put together in a mount namespace of our own. Throws SysError.
 */
UniqueFd open_root(const RootConfig& config);

}  // namespace ocup::copy
