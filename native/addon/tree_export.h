#pragma once

#include <string>
#include <vector>

#include "addon/file_metadata.h"

namespace ocup {

/**
 * Copies what `layers` (folders from the top) show together into the empty folder `target` as plain
 * files: owners, modes, times, attributes, devices and hard links are kept. Gives what could not
 * be. Throws SysError.
 */
Skipped export_tree(const std::vector<std::string>& layers, const std::string& target);

}  // namespace ocup
