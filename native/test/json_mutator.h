#pragma once

#include <random>
#include <string>
#include <vector>

namespace ocup {

using Random = std::mt19937_64;

/** A number below `bound`, which is not 0. */
size_t below(Random& random, size_t bound);

/** `input` with one to eight changes: to bytes, or to whole values taken from any of `corpus`. */
std::string mutate(const std::string& input, const std::vector<std::string>& corpus,
                   Random& random);

}  // namespace ocup
