#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace ocup {

/** Runs `call` again while it fails with EINTR. */
template <typename Call>
auto retry_interrupted(Call call) {
  for (;;) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/** Opens `path` close-on-exec below `dir_fd`. Throws SysError. */
UniqueFd open_file(int dir_fd, const std::string& path, int flags, mode_t mode = 0);

/** Opens `path` close-on-exec. Throws SysError. */
UniqueFd open_file(const std::string& path, int flags, mode_t mode = 0);

/** All that is left to read. Throws SysError, also when there is more than `max_bytes` (EFBIG). */
std::string read_all(int fd, std::string_view path, size_t max_bytes = 64u << 20);

/** The content of the file at `path`. Throws SysError. */
std::string read_file(const std::string& path, size_t max_bytes = 64u << 20);

/** Writes all of `data`. Throws SysError. */
void write_all(int fd, std::string_view data, std::string_view path);

/**
 * A file of the kernel, which may have been mounted over or led elsewhere: EXDEV when it is not of
 * procfs, or of a cgroup hierarchy. Throws SysError. See CVE-2025-52881.
 */
UniqueFd open_proc_file(const std::string& path, int flags);
UniqueFd open_cgroup_file(const std::string& path, int flags);

/** Opens as these do, and writes `data` in one write, as such files want it. Throws SysError. */
void write_proc_file(const std::string& path, std::string_view data);
void write_cgroup_file(const std::string& path, std::string_view data);

/** Replaces the file at `path` by way of a temporary one beside it and a rename. Throws SysError.
 */
void write_file_atomic(const std::string& path, std::string_view data, mode_t mode = 0600);

/** The two halves of it: the new file aside, which nobody sees, and its taking the old one's place. */
void write_file_aside(const std::string& path, std::string_view data, mode_t mode = 0600);
void take_place(const std::string& path);

/** Makes the folder at `path` and those above it. Existing ones are left as they are. Throws
 * SysError. */
void make_folders(const std::string& path, mode_t mode);

}  // namespace ocup
