#pragma once

#include <sys/stat.h>

#include <string>

#include "addon/file_metadata.h"

namespace ocup {

/**
 * Copies what is at `path` below `from_fd`, anything but a folder, to `name` in the folder `to_fd`,
 * where nothing may be: content (shared where the file system can, holes kept), owner, mode,
 * attributes, time. Throws SysError.
 */
void copy_file(int from_fd, const std::string& path, int to_fd, const std::string& name,
               const Privileges& privileges, Skipped& skipped);

}  // namespace ocup
