#pragma once

#include <string>

namespace ocup::shim {

/**
 * Fills the volume at `volume` with what the image has at `source`, if the volume is empty and the
 * image has such a folder: owners, modes, times, extended attributes and hard links are kept, and
 * the volume's own folder becomes like the source. `source` resolves inside `root`, symbolic links
 * too.
 *
 * Others may fill or use the same volume at the same time: one copies while the others wait. A copy
 * that was cut off is begun anew, or completed, by the next one. Throws SysError; the volume is
 * empty then.
 */
void copy_up(const std::string& root, const std::string& source, const std::string& volume);

}  // namespace ocup::shim
