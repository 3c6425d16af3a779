#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runtime/spec.h"

namespace ocup {

/** A detached copy of a mount's source, made outside of the container. */
struct OuterMount {
  /** Empty when none was made. */
  UniqueFd copy;
  /** Why not; 0 when nobody tried. */
  int error_number = 0;
};

/**
 * Copies of the sources of all id-mapped mounts, detached and mapped, each at the index of its
 * mount in `spec.mounts`, and in a user namespace plain copies of all other bound sources, which
 * its root may be unable to walk to; the others are empty, and so is the list when there are none.
 * Made by the runtime, before the container is: mapping takes privileges over the file system
 * itself, which a container in a user namespace of its own lacks. Throws SysError, UserError.
 */
std::vector<OuterMount> make_outer_mounts(const Spec& spec, const std::string& bundle);

}  // namespace ocup
