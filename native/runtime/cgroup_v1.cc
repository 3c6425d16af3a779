#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

class Writer {
 public:
  explicit Writer(const CgroupFolder& folder) : folder_(folder.folder()) {}

  void text(const char* file, std::string_view value) const {
    write_cgroup_file(folder_ + "/" + file, value);
  }

  template <typename Number>
  void number(const char* file, const std::optional<Number>& value) const {
    if (value) text(file, std::to_string(*value));
  }

  std::string read(const char* file) const { return read_file(folder_ + "/" + file); }
  bool has(const char* file) const { return ::access((folder_ + "/" + file).c_str(), F_OK) == 0; }

 private:
  std::string folder_;
};

/** Memory never exceeds memory and swap together: which is written first depends on the way it
 * goes. */
void apply_memory_and_swap(const Writer& writer, const Resources& resources) {
  std::optional<int64_t> limit = resources.memory_limit;
  std::optional<int64_t> swap = resources.memory_swap;
  if (limit == 0) limit.reset();
  if (swap == 0) swap.reset();
  // No limit for memory means none for memory and swap, which could only be lower.
  if (limit == -1 && !swap && writer.has("memory.memsw.limit_in_bytes")) swap = -1;
  if (limit && swap) {
    const uint64_t now = std::stoull(writer.read("memory.limit_in_bytes"));
    const bool grows = *swap == -1 || static_cast<uint64_t>(*swap) >= now;
    if (grows && *limit != -1 && static_cast<uint64_t>(*limit) <= now) {
      writer.number("memory.limit_in_bytes", limit);
      writer.number("memory.memsw.limit_in_bytes", swap);
      return;
    }
    if (grows) {
      writer.number("memory.memsw.limit_in_bytes", swap);
      writer.number("memory.limit_in_bytes", limit);
      return;
    }
  }
  writer.number("memory.limit_in_bytes", limit);
  writer.number("memory.memsw.limit_in_bytes", swap);
}

void apply_memory(const Writer& writer, const Resources& resources) {
  try {
    apply_memory_and_swap(writer, resources);
  } catch (const SysError& error) {
    if (error.error_number() != EBUSY || !resources.memory_limit) throw;
    const auto value = [&](const char* file) {
      const std::string text = writer.read(file);
      return text.substr(0, text.find('\n'));
    };
    throw UserError("unable to set memory limit to " + std::to_string(*resources.memory_limit) +
                    " (current usage: " + value("memory.usage_in_bytes") +
                    ", peak usage: " + value("memory.max_usage_in_bytes") + ")");
  }
  if (resources.memory_reservation != 0) {
    writer.number("memory.soft_limit_in_bytes", resources.memory_reservation);
  }
  if (resources.disables_oom_killer) writer.text("memory.oom_control", "1");
  writer.number("memory.swappiness", resources.swappiness);
}

/** A quota is held against the period in force: if the period is refused now, it fits afterwards.
 */
void apply_quota(const Writer& writer, const Resources& resources) {
  bool is_period_late = false;
  if (resources.cpu_period.value_or(0) != 0) {
    try {
      writer.number("cpu.cfs_period_us", resources.cpu_period);
    } catch (const SysError& error) {
      is_period_late = error.error_number() == EINVAL && resources.cpu_quota.value_or(0) != 0;
      if (!is_period_late) throw;
    }
  }
  if (resources.cpu_quota.value_or(0) != 0) writer.number("cpu.cfs_quota_us", resources.cpu_quota);
  if (is_period_late) writer.number("cpu.cfs_period_us", resources.cpu_period);
  writer.number("cpu.cfs_burst_us", resources.cpu_burst);
}

void apply_cpu(const Writer& writer, const Resources& resources) {
  if (resources.cpu_shares.value_or(0) != 0) writer.number("cpu.shares", resources.cpu_shares);
  apply_quota(writer, resources);
  if (resources.cpu_realtime_period.value_or(0) != 0) {
    writer.number("cpu.rt_period_us", resources.cpu_realtime_period);
  }
  if (resources.cpu_realtime_runtime.value_or(0) != 0) {
    writer.number("cpu.rt_runtime_us", resources.cpu_realtime_runtime);
  }
  writer.number("cpu.idle", resources.cpu_idle);
}

void apply_throttle(const Writer& writer, const char* file,
                    const std::vector<ThrottleDevice>& devices) {
  for (const auto& device : devices) {
    writer.text(file, std::to_string(device.major) + ":" + std::to_string(device.minor) + " " +
                          std::to_string(device.rate));
  }
}

void apply_block_io(const Writer& writer, const Resources& resources) {
  const bool has_bfq = writer.has("blkio.bfq.weight");
  const char* weight = has_bfq ? "blkio.bfq.weight" : "blkio.weight";
  const char* weight_device = has_bfq ? "blkio.bfq.weight_device" : "blkio.weight_device";
  if (resources.blkio_weight.value_or(0) != 0) writer.number(weight, resources.blkio_weight);
  if (resources.blkio_leaf_weight.value_or(0) != 0) {
    writer.number("blkio.leaf_weight", resources.blkio_leaf_weight);
  }
  for (const auto& device : resources.weight_devices) {
    const std::string name =
        std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
    if (device.weight) writer.text(weight_device, name + std::to_string(*device.weight));
    if (device.leaf_weight) {
      writer.text("blkio.leaf_weight_device", name + std::to_string(*device.leaf_weight));
    }
  }
  apply_throttle(writer, "blkio.throttle.read_bps_device", resources.read_bps);
  apply_throttle(writer, "blkio.throttle.write_bps_device", resources.write_bps);
  apply_throttle(writer, "blkio.throttle.read_iops_device", resources.read_iops);
  apply_throttle(writer, "blkio.throttle.write_iops_device", resources.write_iops);
}

}  // namespace

void apply_v1(const CgroupFolder& folder, const Resources& resources) {
  const Writer writer(folder);
  if (folder.has("memory")) apply_memory(writer, resources);
  if (folder.has("cpu")) apply_cpu(writer, resources);
  if (folder.has("cpuset")) {
    if (!resources.cpus.empty()) writer.text("cpuset.cpus", resources.cpus);
    if (!resources.mems.empty()) writer.text("cpuset.mems", resources.mems);
  }
  if (folder.has("pids") && resources.pids_limit.value_or(0) != 0) {
    const int64_t limit = *resources.pids_limit;
    writer.text("pids.max", limit > 0 ? std::to_string(limit) : "max");
  }
  if (folder.has("blkio")) apply_block_io(writer, resources);
  if (folder.has("hugetlb")) {
    for (const auto& [size, limit] : resources.hugepage_limits) {
      const std::string prefix = "hugetlb." + size + ".";
      writer.text((prefix + "limit_in_bytes").c_str(), std::to_string(limit));
      // What is reserved and not used yet, where the kernel counts it.
      const std::string reserved = prefix + "rsvd.limit_in_bytes";
      if (writer.has(reserved.c_str())) writer.text(reserved.c_str(), std::to_string(limit));
    }
  }
  if (folder.has("rdma")) {
    for (const auto& line : resources.rdma_limits) writer.text("rdma.max", line);
  }
  if (folder.has("net_cls")) writer.number("net_cls.classid", resources.network_class);
  if (folder.has("net_prio")) {
    for (const auto& [name, priority] : resources.network_priorities) {
      writer.text("net_prio.ifpriomap", name + " " + std::to_string(priority));
    }
  }
}

}  // namespace ocup
