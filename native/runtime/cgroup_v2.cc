#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"
#include "runtime/cpu_weight.h"

namespace ocup {

namespace {

std::string limit_text(int64_t limit) { return limit == -1 ? "max" : std::to_string(limit); }

/** From blkio weight 10…1000 to io weight 1…10000. */
uint64_t io_weight(uint64_t weight) { return 1 + (weight - 10) * 9999 / 990; }

void write(const CgroupFolder& folder, const std::string& file, std::string_view value) {
  write_cgroup_file(folder.folder() + "/" + file, value);
}

/** A controller that is not here limits nothing: no limit is what there is. */
void write_limit(const CgroupFolder& folder, const std::string& file, int64_t limit) {
  if (limit < 0 && ::access((folder.folder() + "/" + file).c_str(), F_OK) < 0) return;
  write(folder, file, limit_text(limit));
}

/** A kernel that accounts no swap lacks the file, and lacks nothing where none is to be had. */
void write_swap(const CgroupFolder& folder, int64_t limit) {
  if (limit == 0 && ::access((folder.folder() + "/memory.swap.max").c_str(), F_OK) < 0) return;
  write_limit(folder, "memory.swap.max", limit);
}

void apply_memory(const CgroupFolder& folder, const Resources& resources) {
  const int64_t limit = resources.memory_limit.value_or(0);
  const int64_t swap = resources.memory_swap.value_or(0);
  if (swap > 0 && limit > 0) {
    if (swap < limit) {
      throw SpecError("linux.resources.memory.swap", "must not be less than the memory limit");
    }
    // memory.swap.max is of swap alone; the specification's figure is of both together.
    write_swap(folder, swap - limit);
  } else if (swap == -1 || (swap == 0 && limit == -1)) {
    write_swap(folder, -1);
  } else if (swap > 0) {
    throw SpecError("linux.resources.memory.swap", "needs a memory limit beside it");
  }
  if (limit != 0) write_limit(folder, "memory.max", limit);
  if (resources.memory_reservation.value_or(0) != 0) {
    write(folder, "memory.low", limit_text(*resources.memory_reservation));
  }
}

void apply_cpu(const CgroupFolder& folder, const Resources& resources) {
  if (resources.cpu_idle) write(folder, "cpu.idle", std::to_string(*resources.cpu_idle));
  if (resources.cpu_shares.value_or(0) != 0 && resources.cpu_idle != 1) {
    write(folder, "cpu.weight", std::to_string(weight_of_shares(*resources.cpu_shares)));
  }
  const int64_t quota = resources.cpu_quota.value_or(0);
  const uint64_t period = resources.cpu_period.value_or(0);
  if (quota != 0 || period != 0) {
    // One of them alone leaves the other as it is.
    std::string text = quota > 0 ? std::to_string(quota) : "max";
    if (quota == 0) {
      text = read_file(folder.folder() + "/cpu.max");
      text.resize(text.find(' '));
    }
    if (period != 0) text += " " + std::to_string(period);
    write(folder, "cpu.max", text);
  }
  if (resources.cpu_burst) write(folder, "cpu.max.burst", std::to_string(*resources.cpu_burst));
}

void apply_throttle(const CgroupFolder& folder, const char* key,
                    const std::vector<ThrottleDevice>& devices) {
  for (const auto& device : devices) {
    write(folder, "io.max",
          std::to_string(device.major) + ":" + std::to_string(device.minor) + " " + key + "=" +
              (device.rate == 0 ? "max" : std::to_string(device.rate)));
  }
}

void apply_io(const CgroupFolder& folder, const Resources& resources) {
  const bool has_bfq = ::access((folder.folder() + "/io.bfq.weight").c_str(), F_OK) == 0;
  if (resources.blkio_weight) {
    const uint64_t weight = *resources.blkio_weight;
    if (has_bfq) {
      write(folder, "io.bfq.weight", std::to_string(weight));
    } else {
      write(folder, "io.weight", "default " + std::to_string(io_weight(weight)));
    }
  }
  for (const auto& device : resources.weight_devices) {
    if (!device.weight) continue;
    const std::string name =
        std::to_string(device.major) + ":" + std::to_string(device.minor) + " ";
    if (has_bfq) {
      write(folder, "io.bfq.weight", name + std::to_string(*device.weight));
    } else {
      write(folder, "io.weight", name + std::to_string(io_weight(*device.weight)));
    }
  }
  apply_throttle(folder, "rbps", resources.read_bps);
  apply_throttle(folder, "wbps", resources.write_bps);
  apply_throttle(folder, "riops", resources.read_iops);
  apply_throttle(folder, "wiops", resources.write_iops);
}

}  // namespace

void apply_v2(const CgroupFolder& folder, const Resources& resources) {
  apply_memory(folder, resources);
  apply_cpu(folder, resources);
  if (!resources.cpus.empty()) write(folder, "cpuset.cpus", resources.cpus);
  if (!resources.mems.empty()) write(folder, "cpuset.mems", resources.mems);
  if (resources.pids_limit.value_or(0) != 0) {
    write_limit(folder, "pids.max", std::max<int64_t>(*resources.pids_limit, -1));
  }
  apply_io(folder, resources);
  for (const auto& [size, limit] : resources.hugepage_limits) {
    write(folder, "hugetlb." + size + ".max", std::to_string(limit));
    const std::string reserved = "hugetlb." + size + ".rsvd.max";
    if (::access((folder.folder() + "/" + reserved).c_str(), F_OK) == 0) {
      write(folder, reserved, std::to_string(limit));
    }
  }
  for (const auto& line : resources.rdma_limits) write(folder, "rdma.max", line);
  for (const auto& [file, value] : resources.unified) write(folder, file, value);
}

}  // namespace ocup
