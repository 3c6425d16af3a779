#pragma once

#include <string>

namespace ocup::shim {

/** The time of day as RFC 3339 in UTC, with nine digits of the second. */
std::string timestamp();

}  // namespace ocup::shim
