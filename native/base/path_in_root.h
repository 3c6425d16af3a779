#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"

namespace ocup {

/**
 * Opens `path` as a process whose root is `root_fd` would see it: absolute paths and symbolic links resolve
 * inside, `..` at the top stays there, magic links are refused. `flags` gets O_CLOEXEC.
 * Throws SysError. See man 2 openat2, RESOLVE_IN_ROOT (Linux 5.6).
 */
UniqueFd open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0);

/** The same, with -1 and errno instead of an exception. */
int try_open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0);

/**
 * Makes the folders of `path` that are missing inside the root, following symbolic links as
 * `open_in_root` does, and opens the last one with O_PATH. Throws SysError.
 */
UniqueFd make_folders_in_root(int root_fd, const std::string& path, mode_t mode = 0755);

}  // namespace ocup
