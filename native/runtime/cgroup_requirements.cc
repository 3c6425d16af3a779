#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

template <typename Number>
bool is_limit(const std::optional<Number>& value) {
  // 0 leaves a limit as it is, and what is negative takes it away.
  return value.value_or(0) > 0;
}

bool wants_memory(const Resources& resources) {
  return is_limit(resources.memory_limit) || is_limit(resources.memory_swap) ||
         is_limit(resources.memory_reservation) || resources.swappiness.has_value() ||
         resources.disables_oom_killer;
}

bool wants_cpu(const Resources& resources) {
  return is_limit(resources.cpu_shares) || is_limit(resources.cpu_quota) ||
         is_limit(resources.cpu_period) || is_limit(resources.cpu_burst) ||
         is_limit(resources.cpu_realtime_runtime) || is_limit(resources.cpu_idle);
}

bool wants_block_io(const Resources& resources) {
  return is_limit(resources.blkio_weight) || is_limit(resources.blkio_leaf_weight) ||
         !resources.weight_devices.empty() || !resources.read_bps.empty() ||
         !resources.write_bps.empty() || !resources.read_iops.empty() ||
         !resources.write_iops.empty();
}

struct Requirement {
  const char* controller;
  /** The file that version 2 has for it; null: version 2 has nothing of the kind. */
  const char* v2_file;
  bool is_wanted;
};

}  // namespace

void require_controllers(const Cgroup& cgroup, const Resources& resources) {
  const Requirement requirements[] = {
      {"memory", "memory.max", wants_memory(resources)},
      {"cpu", "cpu.max", wants_cpu(resources)},
      {"cpuset", "cpuset.cpus", !resources.cpus.empty() || !resources.mems.empty()},
      {"pids", "pids.max", is_limit(resources.pids_limit)},
      {"blkio", "io.max", wants_block_io(resources)},
      {"hugetlb", nullptr, !resources.hugepage_limits.empty()},
      {"rdma", "rdma.max", !resources.rdma_limits.empty()},
      {"net_cls", nullptr, is_limit(resources.network_class)},
      {"net_prio", nullptr, !resources.network_priorities.empty()},
  };
  for (const auto& [controller, file, is_wanted] : requirements) {
    if (!is_wanted || cgroup.find(controller) != nullptr) continue;
    const bool is_unified = cgroup.is_unified();
    // What has no file of one name is told by the write that fails.
    if (is_unified && file == nullptr) continue;
    if (is_unified) {
      const std::string path = cgroup.folders().front().folder() + "/" + file;
      if (::access(path.c_str(), F_OK) == 0) continue;
    }
    throw UserError(std::string("cannot set ") + controller +
                    " limit: container could not join or create cgroup: there is no " + controller +
                    " controller for it on this machine");
  }
}

void require_room(const Cgroup& cgroup, const Resources& resources) {
  if (!resources.checks_before_update || !is_limit(resources.memory_limit)) return;
  std::string file;
  if (const CgroupFolder* memory = cgroup.find("memory")) {
    file = memory->folder() + "/memory.usage_in_bytes";
  } else if (cgroup.is_unified()) {
    file = cgroup.folders().front().folder() + "/memory.current";
  } else {
    return;
  }
  const std::string usage = read_file(file);
  if (std::stoll(usage) <= *resources.memory_limit) return;
  throw UserError("rejecting memory limit " + std::to_string(*resources.memory_limit) +
                  " because of the usage " + usage.substr(0, usage.find('\n')));
}

}  // namespace ocup
