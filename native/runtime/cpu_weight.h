#pragma once

#include <cstdint>

namespace ocup {

/**
 * cpu.weight 1…10000 of version 2 for the shares 2…262144 of version 1; 0, which sets nothing,
 * stays 0. The curve of runc 1.3.2 and crun 1.23: both ends and both defaults, 1024 and 100, are on
 * it.
 */
uint64_t weight_of_shares(uint64_t shares);

}  // namespace ocup
