#include "runtime/spec.h"

namespace ocup {

namespace {

void read(const JsonNode& node, const char* name, std::optional<int64_t>& target, int64_t least) {
  if (const auto member = node.find(name)) target = member->integer(least);
}

void read(const JsonNode& node, const char* name, std::optional<uint64_t>& target,
          uint64_t most = UINT64_MAX) {
  if (const auto member = node.find(name)) target = member->natural(most);
}

unsigned device_number(const JsonNode& node, const char* name) {
  return static_cast<unsigned>(node.get(name).natural(UINT32_MAX));
}

void parse_memory(const JsonNode& node, Resources& resources) {
  read(node, "limit", resources.memory_limit, -1);
  read(node, "reservation", resources.memory_reservation, -1);
  read(node, "swap", resources.memory_swap, -1);
  read(node, "kernel", resources.kernel_memory, -1);
  read(node, "swappiness", resources.swappiness, 200);
  resources.disables_oom_killer = node.boolean("disableOOMKiller", false);
  resources.checks_before_update = node.boolean("checkBeforeUpdate", false);
}

void parse_cpu(const JsonNode& node, Resources& resources) {
  read(node, "shares", resources.cpu_shares);
  read(node, "quota", resources.cpu_quota, INT64_MIN);
  read(node, "period", resources.cpu_period);
  read(node, "burst", resources.cpu_burst);
  read(node, "realtimeRuntime", resources.cpu_realtime_runtime, INT64_MIN);
  read(node, "realtimePeriod", resources.cpu_realtime_period);
  if (const auto idle = node.find("idle")) resources.cpu_idle = idle->integer(0, 1);
  resources.cpus = node.string("cpus", "");
  resources.mems = node.string("mems", "");
}

std::vector<ThrottleDevice> parse_throttle(const JsonNode& node, const char* name) {
  std::vector<ThrottleDevice> devices;
  node.each(name, [&](const JsonNode& item) {
    devices.push_back(
        {device_number(item, "major"), device_number(item, "minor"), item.get("rate").natural()});
  });
  return devices;
}

/** 0 stands for none, as in the structures of Go. */
void read_weight(const JsonNode& node, const char* name, std::optional<uint64_t>& target) {
  const auto member = node.find(name);
  if (!member) return;
  const uint64_t weight = member->natural();
  if (weight == 0) return;
  if (weight < 10 || weight > 1000) member->fail("must be between 10 and 1000");
  target = weight;
}

void parse_block_io(const JsonNode& node, Resources& resources) {
  read_weight(node, "weight", resources.blkio_weight);
  read_weight(node, "leafWeight", resources.blkio_leaf_weight);
  node.each("weightDevice", [&](const JsonNode& item) {
    Resources::WeightDevice device = {
        device_number(item, "major"), device_number(item, "minor"), {}, {}};
    read_weight(item, "weight", device.weight);
    read_weight(item, "leafWeight", device.leaf_weight);
    resources.weight_devices.push_back(device);
  });
  resources.read_bps = parse_throttle(node, "throttleReadBpsDevice");
  resources.write_bps = parse_throttle(node, "throttleWriteBpsDevice");
  resources.read_iops = parse_throttle(node, "throttleReadIOPSDevice");
  resources.write_iops = parse_throttle(node, "throttleWriteIOPSDevice");
}

DeviceRule parse_device_rule(const JsonNode& node) {
  DeviceRule rule = {node.boolean("allow", false), 'a', -1, -1, node.string("access", "rwm")};
  if (const auto kind = node.find("type")) {
    const std::string type = kind->string();
    if (type != "" && type != "a" && type != "b" && type != "c") {
      kind->fail("unknown \"" + type + "\"");
    }
    if (!type.empty()) rule.type = type[0];
  }
  if (const auto major = node.find("major")) rule.major = major->integer(-1, UINT32_MAX);
  if (const auto minor = node.find("minor")) rule.minor = minor->integer(-1, UINT32_MAX);
  if (rule.access.empty()) rule.access = "rwm";
  if (rule.access.find_first_not_of("rwm") != std::string::npos) {
    node.get("access").fail("may only hold r, w and m");
  }
  return rule;
}

/** A name that is part of a path below a cgroup: never a way out of it. */
std::string file_name(const JsonNode& node, std::string_view text) {
  if (text.empty() || text.find('/') != std::string_view::npos || text == "." || text == ".." ||
      text.find('\0') != std::string_view::npos) {
    node.fail("is not the name of a cgroup file");
  }
  return std::string(text);
}

void parse_network(const JsonNode& node, Resources& resources) {
  read(node, "classID", resources.network_class, UINT32_MAX);
  node.each("priorities", [&](const JsonNode& item) {
    resources.network_priorities.emplace_back(item.get("name").string(),
                                              item.get("priority").natural(UINT32_MAX));
  });
}

void parse_rdma(const JsonNode& node, Resources& resources) {
  std::string line(node.name());
  if (line.empty() || line.find_first_of(" \n") != std::string::npos) {
    node.fail("is not the name of an RDMA device");
  }
  if (const auto handles = node.find("hcaHandles")) {
    line += " hca_handle=" + std::to_string(handles->natural(UINT32_MAX));
  }
  if (const auto objects = node.find("hcaObjects")) {
    line += " hca_object=" + std::to_string(objects->natural(UINT32_MAX));
  }
  resources.rdma_limits.push_back(std::move(line));
}

}  // namespace

Resources parse_resources(const JsonNode& node) {
  Resources resources;
  if (const auto memory = node.find("memory")) parse_memory(*memory, resources);
  if (const auto cpu = node.find("cpu")) parse_cpu(*cpu, resources);
  if (const auto pids = node.find("pids")) read(*pids, "limit", resources.pids_limit, INT64_MIN);
  if (const auto block_io = node.find("blockIO")) parse_block_io(*block_io, resources);
  node.each("hugepageLimits", [&](const JsonNode& item) {
    const JsonNode size = item.get("pageSize");
    resources.hugepage_limits.emplace_back(file_name(size, size.string()),
                                           item.get("limit").natural());
  });
  if (const auto network = node.find("network")) parse_network(*network, resources);
  if (const auto unified = node.find("unified")) {
    unified->each_member([&](const JsonNode& item) {
      resources.unified.emplace_back(file_name(item, item.name()), item.string());
    });
  }
  node.each("devices",
            [&](const JsonNode& item) { resources.devices.push_back(parse_device_rule(item)); });
  if (const auto rdma = node.find("rdma")) {
    rdma->each_member([&](const JsonNode& item) { parse_rdma(item, resources); });
  }
  return resources;
}

}  // namespace ocup
