#pragma once

#include <string>
#include <vector>

#include "runtime/spec.h"

namespace ocup {

/** Runs the hooks in their order, each with `state` on its standard input. Throws UserError when
 * one fails. */
void run_hooks(const std::vector<Hook>& hooks, const std::string& kind, const std::string& state);

/** The same for hooks whose failure is only reported: poststop. */
void run_hooks_with_warnings(const std::vector<Hook>& hooks, const std::string& kind,
                             const std::string& state);

}  // namespace ocup
