#pragma once

#include <sys/types.h>

#include <string>

#include "base/json.h"
#include "runtime/spec.h"

namespace ocup {

/** An annotation that starts so names a property of the unit, with its value as GVariant text. */
constexpr const char* kSystemdProperty = "org.systemd.property.";

/** The scope (or slice) of systemd that holds a container's cgroup; an empty name: none does. */
struct SystemdUnit {
  std::string name;
  std::string slice;
  /** Of the user's own systemd. */
  bool is_user = false;

  bool is_none() const { return name.empty(); }
};

/**
 * What linux.cgroupsPath names for systemd, `slice:prefix:name`, with defaults where it is empty.
 * Throws SpecError for another form, UserError where systemd does not run.
 */
SystemdUnit parse_systemd_unit(const std::string& cgroups_path, const std::string& id,
                               bool is_user);

/** The cgroup that the unit will have, below the root of each hierarchy. Throws UserError. */
std::string cgroup_path_of(const SystemdUnit& unit);

/** Makes the unit with that process in it, and waits until it is there. Throws UserError. */
void start_systemd_unit(const SystemdUnit& unit, pid_t pid, const std::string& id, const Spec& spec,
                        bool is_v2);

/** Tells systemd of new limits, which would put back the old ones else. Throws UserError. */
void update_systemd_unit(const SystemdUnit& unit, const Resources& resources, bool is_v2);

/** Stops the unit if it is still there. Idempotent. Throws UserError. */
void stop_systemd_unit(const SystemdUnit& unit);

}  // namespace ocup
