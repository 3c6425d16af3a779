#pragma once

#include "shim/config.h"

namespace ocup::shim {

/** Gives this process a mount namespace of its own, which follows the host's but does not change
 * it. */
void enter_mount_namespace();

/** Mounts the container's root file system on `<bundle>/rootfs`, if it has an overlay. Throws
 * SysError. */
void mount_root(const ShimConfig& config);

/** Takes it away again. Harmless when it is not mounted. */
void unmount_root(const ShimConfig& config);

}  // namespace ocup::shim
