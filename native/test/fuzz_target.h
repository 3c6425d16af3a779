#pragma once

#include <string_view>

namespace ocup {

/** Gives one input to what is tested. Returns unless that crashed. */
void fuzz_one(std::string_view input);

}  // namespace ocup
