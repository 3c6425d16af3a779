#pragma once

#include <string>

#include "base/json.h"
#include "runtime/spec.h"

namespace ocup {

/** What `update` changes of a container. */
struct ResourceChanges {
  /**
   * What is asked for. Limits that mean something only beside another one (quota and period, swap
   * and memory) have that one with them, as it was set before.
   */
  Resources resources;
  /** config.json with the limits that hold from now on. */
  std::string config;
};

/** Merges `changes`, which has the form of `linux.resources`, into the container's config.json.
 * Throws SpecError. */
ResourceChanges merge_resources(const std::string& config, const rapidjson::Value& changes);

}  // namespace ocup
