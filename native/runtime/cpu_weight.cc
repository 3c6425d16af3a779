#include "runtime/cpu_weight.h"

#include <cmath>

namespace ocup {

uint64_t weight_of_shares(uint64_t shares) {
  if (shares == 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const double power = std::log2(static_cast<double>(shares));
  const double exponent = (power * power + 125 * power) / 612.0 - 7.0 / 34.0;
  return static_cast<uint64_t>(std::ceil(std::pow(10, exponent)));
}

}  // namespace ocup
