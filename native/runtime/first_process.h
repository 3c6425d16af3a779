#pragma once

#include <string>
#include <vector>

#include "runtime/cgroup.h"
#include "runtime/launch.h"
#include "runtime/outer_mounts.h"
#include "runtime/state.h"

namespace ocup {

/** All that the first process of a container works from. */
struct FirstProcess {
  const Spec& spec;
  const ContainerState& state;
  Launch launch;
  std::vector<NamespaceJoin> joins;
  /** See `make_outer_mounts`. */
  std::vector<OuterMount> outer_mounts;
  /** Where `start` knocks; empty: it goes on at once. */
  UniqueFd start_socket;
  /** Who gets the terminal; empty: the runtime. */
  UniqueFd console_socket;
  bool uses_pivot_root = true;
};

/** The life of a container's first process from clone3 to execve, in its new namespaces. */
[[noreturn]] void run_first_process(FirstProcess& first, Channel& channel);

}  // namespace ocup
