#pragma once

#include <string_view>

namespace ocup {

/**
 * Unpacks a layer that may be anything into `/layer` of a root that holds `/below` (a layer below)
 * and `/proc` only. Ends the process when something is thrown that should not be, or something is
 * written elsewhere.
 */
void fuzz_layer(std::string_view bytes);

}  // namespace ocup
