#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "runtime/spec.h"

namespace ocup {

namespace {

void parse_namespaces(const JsonNode& linux, Spec& spec) {
  linux.each("namespaces", [&](const JsonNode& node) {
    const JsonNode type = node.get("type");
    const std::string name = type.string();
    const auto flag = find_namespace(name);
    if (!flag) type.fail("unknown \"" + name + "\"");
    if (spec.has_namespace(*flag)) type.fail("\"" + name + "\" is given twice");
    const std::string path = node.string("path", "");
    if (!path.empty() && path.front() != '/') node.get("path").fail("must be an absolute path");
    spec.namespaces.push_back({*flag, path});
  });
}

void parse_time_offsets(const JsonNode& linux, Spec& spec) {
  const auto offsets = linux.find("timeOffsets");
  if (!offsets) return;
  offsets->each_member([&](const JsonNode& node) {
    const std::string clock(node.name());
    if (clock != "monotonic" && clock != "boottime") node.fail("unknown clock");
    TimeOffset offset = {clock, 0, 0};
    if (const auto seconds = node.find("secs")) offset.seconds = seconds->integer();
    if (const auto fraction = node.find("nanosecs")) {
      offset.nanoseconds = static_cast<uint32_t>(fraction->natural(999999999));
    }
    spec.time_offsets.push_back(offset);
  });
}

void parse_devices(const JsonNode& linux, Spec& spec) {
  linux.each("devices", [&](const JsonNode& node) {
    const JsonNode kind = node.get("type");
    const std::string type = kind.string();
    if (type != "c" && type != "b" && type != "u" && type != "p") {
      kind.fail("unknown \"" + type + "\"");
    }
    Device device = {type == "u" ? 'c' : type[0], node.get("path").string(), 0, 0, 0666, 0, 0};
    if (device.path.empty() || device.path.front() != '/') {
      node.get("path").fail("must be an absolute path");
    }
    if (type != "p") {
      device.major = static_cast<unsigned>(node.get("major").natural(0xfff));
      device.minor = static_cast<unsigned>(node.get("minor").natural(0xfffff));
    }
    if (const auto mode = node.find("fileMode")) {
      device.mode = static_cast<mode_t>(mode->natural(UINT32_MAX)) & 07777;
    }
    if (const auto uid = node.find("uid"))
      device.uid = static_cast<uid_t>(uid->natural(UINT32_MAX));
    if (const auto gid = node.find("gid"))
      device.gid = static_cast<gid_t>(gid->natural(UINT32_MAX));
    spec.devices.push_back(std::move(device));
  });
}

unsigned long parse_rootfs_propagation(const JsonNode& linux) {
  const auto node = linux.find("rootfsPropagation");
  if (!node) return 0;
  const std::string name = node->string();
  constexpr std::pair<const char*, unsigned long> kModes[] = {
      {"", 0},
      {"shared", MS_SHARED},
      {"rshared", MS_SHARED | MS_REC},
      {"slave", MS_SLAVE},
      {"rslave", MS_SLAVE | MS_REC},
      {"private", MS_PRIVATE},
      {"rprivate", MS_PRIVATE | MS_REC},
      {"unbindable", MS_UNBINDABLE},
      {"runbindable", MS_UNBINDABLE | MS_REC}};
  for (const auto& [known, flags] : kModes) {
    if (name == known) return flags;
  }
  node->fail("unknown \"" + name + "\"");
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (const auto prefix : prefixes) {
    if (text.starts_with(prefix)) return true;
  }
  return false;
}

/** Only what a namespace of the container's own holds may be set: anything else would change the
 * host. */
void check_sysctl(const JsonNode& node, const std::string& dotted, const Spec& spec) {
  int needed = 0;
  if (starts_with_any(dotted, {"net."})) {
    needed = CLONE_NEWNET;
  } else if (dotted == "kernel.hostname") {
    node.fail("is set by hostname");
  } else if (dotted == "kernel.domainname") {
    needed = CLONE_NEWUTS;
  } else if (dotted == "kernel.sem" ||
             starts_with_any(dotted, {"kernel.msg", "kernel.shm", "fs.mqueue."})) {
    needed = CLONE_NEWIPC;
  } else if (!(starts_with_any(dotted, {"user."}) && spec.has_namespace(CLONE_NEWUSER))) {
    node.fail("is not in a separate kernel namespace");
  }
  if (needed != 0 && !spec.has_namespace(needed)) {
    node.fail(std::string("needs a namespace of its own: ") + namespace_file(needed));
  }
}

void parse_sysctl(const JsonNode& linux, Spec& spec) {
  const auto sysctl = linux.find("sysctl");
  if (!sysctl) return;
  sysctl->each_member([&](const JsonNode& node) {
    std::string name(node.name());
    // `net/ipv4/conf/eth0.100/x` uses the slash as its separator so that names may hold dots.
    const size_t separator = name.find_first_of("./");
    if (separator != std::string::npos && name[separator] == '/') {
      for (char& c : name) c = c == '/' ? '.' : c == '.' ? '/' : c;
    }
    if (name.find("..") != std::string::npos || name.find('\0') != std::string::npos) {
      node.fail("is not a name of a kernel parameter");
    }
    check_sysctl(node, name, spec);
    for (char& c : name) c = c == '/' ? '.' : c == '.' ? '/' : c;
    spec.sysctl.emplace_back(std::move(name), node.string());
  });
}

std::vector<std::string> parse_paths(const JsonNode& linux, const char* name) {
  std::vector<std::string> paths;
  linux.each(name, [&](const JsonNode& node) {
    paths.push_back(node.string());
    if (paths.back().empty() || paths.back().front() != '/') node.fail("must be an absolute path");
  });
  return paths;
}

void parse_personality(const JsonNode& linux, Spec& spec) {
  const auto node = linux.find("personality");
  if (!node) return;
  const JsonNode domain = node->get("domain");
  const std::string name = domain.string();
  if (name == "LINUX") {
    spec.personality = 0;
  } else if (name == "LINUX32") {
    spec.personality = 0x0008;
  } else {
    domain.fail("unknown \"" + name + "\"");
  }
  node->each("flags", [](const JsonNode& flag) { flag.fail("no flags are known"); });
}

void parse_memory_policy(const JsonNode& linux, Spec& spec) {
  const auto node = linux.find("memoryPolicy");
  if (!node) return;
  const JsonNode mode = node->get("mode");
  const auto number = find_memory_policy_mode(mode.string());
  if (!number) mode.fail("unknown \"" + mode.string() + "\"");
  MemoryPolicy policy = {*number, {}};
  // The kernel's own bound: CONFIG_NODES_SHIFT is 10 at most.
  constexpr unsigned kMaxNode = 1023;
  if (const auto nodes = node->find("nodes")) policy.nodes = parse_number_list(*nodes, kMaxNode);
  node->each("flags", [&](const JsonNode& item) {
    const auto flag = find_memory_policy_flag(item.string());
    if (!flag) item.fail("unknown \"" + item.string() + "\"");
    policy.mode |= *flag;
  });
  spec.memory_policy = std::move(policy);
}

/** Names as the kernel takes them for a link. */
std::string link_name(const JsonNode& node, std::string name) {
  const bool is_valid = !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
                        name.find_first_of("/: \t\n\v\f\r") == std::string::npos;
  if (!is_valid) node.fail("\"" + name + "\" is not a name of a network device");
  return name;
}

void parse_net_devices(const JsonNode& linux, Spec& spec) {
  const auto devices = linux.find("netDevices");
  if (!devices) return;
  devices->each_member([&](const JsonNode& node) {
    const std::string name = link_name(node, std::string(node.name()));
    const std::string inside = node.string("name", "");
    spec.net_devices.push_back({name, inside.empty() ? name : link_name(node, inside)});
  });
  if (!spec.net_devices.empty() && !spec.has_namespace(CLONE_NEWNET)) {
    throw SpecError("linux.netDevices", "needs a network namespace in linux.namespaces");
  }
}

void check_mappings(const Spec& spec) {
  const bool has_mappings = !spec.uid_mappings.empty() || !spec.gid_mappings.empty();
  if (has_mappings && !spec.has_namespace(CLONE_NEWUSER)) {
    throw SpecError("linux.uidMappings", "needs a user namespace in linux.namespaces");
  }
  if (spec.makes_namespace(CLONE_NEWUSER) &&
      (spec.uid_mappings.empty() || spec.gid_mappings.empty())) {
    throw SpecError("linux.uidMappings", "a new user namespace needs uidMappings and gidMappings");
  }
  if (!spec.time_offsets.empty() && !spec.makes_namespace(kTimeNamespace)) {
    throw SpecError("linux.timeOffsets", "needs a new time namespace in linux.namespaces");
  }
}

}  // namespace

std::vector<IdMapping> parse_mappings(const JsonNode& node, const char* name) {
  std::vector<IdMapping> mappings;
  node.each(name, [&](const JsonNode& item) {
    const auto id = [&](const char* member) {
      return static_cast<uint32_t>(item.get(member).natural(UINT32_MAX));
    };
    mappings.push_back({id("containerID"), id("hostID"), id("size")});
    if (mappings.back().size == 0) item.get("size").fail("must not be 0");
  });
  return mappings;
}

void parse_linux(const JsonNode& linux, Spec& spec) {
  parse_namespaces(linux, spec);
  spec.uid_mappings = parse_mappings(linux, "uidMappings");
  spec.gid_mappings = parse_mappings(linux, "gidMappings");
  parse_time_offsets(linux, spec);
  parse_devices(linux, spec);
  if (const auto resources = linux.find("resources")) spec.resources = parse_resources(*resources);
  spec.cgroups_path = linux.string("cgroupsPath", "");
  spec.rootfs_propagation = parse_rootfs_propagation(linux);
  parse_sysctl(linux, spec);
  spec.masked_paths = parse_paths(linux, "maskedPaths");
  spec.readonly_paths = parse_paths(linux, "readonlyPaths");
  parse_personality(linux, spec);
  if (const auto seccomp = linux.find("seccomp")) spec.seccomp = &seccomp->value();
  spec.mount_label = linux.string("mountLabel", "");
  refuse_member(linux, "intelRdt",
                ::access("/sys/fs/resctrl/schemata", F_OK) == 0
                    ? "resource control (resctrl) is not supported by this version"
                    : "this machine has no resource control (resctrl) mounted at /sys/fs/resctrl");
  parse_memory_policy(linux, spec);
  parse_net_devices(linux, spec);
  check_mappings(spec);
}

}  // namespace ocup
