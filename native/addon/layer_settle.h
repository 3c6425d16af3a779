#pragma once

#include <string>
#include <vector>

#include "addon/layer_tree.h"

namespace ocup {

/**
 * Brings a finished layer in line with the layers below it (their folders from the top), as if it
 * had been applied on top of them:
 * - folders it never spoke of get what the folder below has; where there is a link below, their
 * content moves to where the link leads
 * - hard links to files below get a copy of the file to link to
 * - whiteouts of what is not below are dropped
 *
 * `folder` is the folder that `tree` was written to. Throws SysError, and LayerError when a hard
 * link has no target.
 */
void settle_layer(LayerTree& tree, const std::string& folder,
                  const std::vector<std::string>& below);

}  // namespace ocup
