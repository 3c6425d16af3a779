#pragma once

#include <sys/mount.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

// The mount calls of Linux 5.2 and later by descriptors: a mount is made detached, given its
// attributes, and only then put in its place, so nothing is ever seen half made and no path is
// resolved twice. All throw SysError.

/** A detached copy of the mount at `path`; an empty path copies that of `dir_fd`. */
UniqueFd clone_mount(int dir_fd, const std::string& path, bool is_recursive);

/** A detached mount of a new file system. `data` holds its options, `flag` or `key=value`. */
UniqueFd make_filesystem(const std::string& type, const std::string& source,
                         const std::vector<std::string>& data, uint64_t attributes);

void set_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, bool is_recursive,
                          std::string_view path);

/** Shows the files of the detached mount with the ids that `user_ns_fd` maps theirs to. */
void map_mount_ids(int mount_fd, int user_ns_fd, bool is_recursive, std::string_view path);

/** `flags` is one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, perhaps with MS_REC. */
void set_propagation(int mount_fd, unsigned long flags, std::string_view path);

/** Puts the detached mount on what `target_fd` refers to. */
void attach_mount(int mount_fd, int target_fd, std::string_view path);

}  // namespace ocup
