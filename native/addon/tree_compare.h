#pragma once

#include <string>

namespace ocup {

/**
 * The first difference between the trees below two folders, in the order of their names:
 * `usr/bin/env: content`; empty when there is none. Looks at types, modes, owners, times of change,
 * device numbers, links, numbers and groups of hard links, extended attributes, marks of overlayfs
 * and all content. Throws SysError.
 */
std::string find_difference(const std::string& folder, const std::string& other);

}  // namespace ocup
