#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ocup {

/** The names in the folder at `path` below `folder_fd`, without `.` and `..`, sorted. Throws
 * SysError. */
std::vector<std::string> list_folder(int folder_fd, const std::string& path);

/**
 * Removes what is at `name` in the folder, with everything below it; nothing there is fine.
 * Folders are made accessible first. Gives the bytes that its files held on disk. Throws SysError.
 */
uint64_t remove_tree(int folder_fd, const std::string& name);

}  // namespace ocup
