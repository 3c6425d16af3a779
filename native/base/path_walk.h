#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ocup {

/**
 * What openat2 does with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS, where neither the kernel nor a
 * seccomp filter around us allows that call: one component after the other, by O_PATH and
 * O_NOFOLLOW, links read and followed by us. A descriptor, or -1 and errno.
 *
 * INVARIANT: no path of more than one component and no `..` ever reaches the kernel, so that
 * nothing that is renamed or replaced meanwhile leads out of the root.
 *
 * `resolve` takes RESOLVE_NO_SYMLINKS and RESOLVE_NO_XDEV; ENOSYS for any other.
 */
int walk_in_root(int root_fd, const std::string& path, int flags, mode_t mode, uint64_t resolve);

}  // namespace ocup
