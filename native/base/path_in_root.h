#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace ocup {

/**
 * Opens `path` as a process whose root is `root_fd` would see it: absolute paths and symbolic links
 * resolve inside, `..` at the top stays there, magic links are refused. `flags` gets O_CLOEXEC.
 * Throws SysError. See man 2 openat2, RESOLVE_IN_ROOT (Linux 5.6); without that call `path_walk.h`.
 */
UniqueFd open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0);

/** The same, with -1 and errno instead of an exception. `resolve` adds RESOLVE_* flags. */
int try_open_in_root(int root_fd, const std::string& path, int flags, mode_t mode = 0,
                     uint64_t resolve = 0);

/**
 * Makes the folders of `path` that are missing inside the root, following symbolic links as
 * `open_in_root` does (a dangling one gets what it points to), and opens the last one with O_PATH.
 * Throws SysError.
 */
UniqueFd make_folders_in_root(int root_fd, const std::string& path, mode_t mode = 0755);

/** Opens the file at `path` with O_PATH; if there is none makes an empty one, and its folders.
 * Throws SysError. */
UniqueFd make_file_in_root(int root_fd, const std::string& path, mode_t mode = 0644);

}  // namespace ocup
