#pragma once

#include <string_view>

namespace ocup {

/** Chooses one of the things to test, if there is one of that name. Before the first input. */
bool choose_target(std::string_view name);

/** Gives one input to what is tested. Returns unless that crashed. */
void fuzz_one(std::string_view input);

}  // namespace ocup
