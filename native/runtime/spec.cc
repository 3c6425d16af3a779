#include "runtime/spec.h"

#include <sched.h>

#include "base/error.h"

namespace ocup {

namespace {

constexpr uint32_t kMaxId = UINT32_MAX - 1;

void require_absolute(const JsonNode& node, const std::string& path) {
  if (path.empty() || path.front() != '/') node.fail("must be an absolute path");
}

User parse_user(const JsonNode& node) {
  User user;
  if (const auto uid = node.find("uid")) user.uid = static_cast<uid_t>(uid->natural(kMaxId));
  if (const auto gid = node.find("gid")) user.gid = static_cast<gid_t>(gid->natural(kMaxId));
  if (const auto mask = node.find("umask")) user.umask = static_cast<mode_t>(mask->natural(0777));
  node.each("additionalGids", [&](const JsonNode& gid) {
    user.additional_gids.push_back(static_cast<gid_t>(gid.natural(kMaxId)));
  });
  return user;
}

uint64_t parse_capabilities(const JsonNode& node, const char* name) {
  uint64_t set = 0;
  // A name that this kernel's headers do not know is ignored, as the specification asks for.
  node.each(name, [&](const JsonNode& item) {
    if (const auto number = find_capability(item.string())) set |= uint64_t{1} << *number;
  });
  return set;
}

CapabilitySets parse_capability_sets(const JsonNode& node) {
  CapabilitySets sets;
  sets.bounding = parse_capabilities(node, "bounding");
  sets.effective = parse_capabilities(node, "effective");
  sets.permitted = parse_capabilities(node, "permitted");
  sets.inheritable = parse_capabilities(node, "inheritable");
  sets.ambient = parse_capabilities(node, "ambient");
  return sets;
}

std::vector<Rlimit> parse_rlimits(const JsonNode& process) {
  std::vector<Rlimit> limits;
  process.each("rlimits", [&](const JsonNode& node) {
    const JsonNode type = node.get("type");
    const std::string name = type.string();
    const auto resource = find_rlimit(name);
    if (!resource) type.fail("unknown \"" + name + "\"");
    for (const auto& limit : limits) {
      if (limit.resource == *resource) type.fail("\"" + name + "\" is given twice");
    }
    const uint64_t soft = node.get("soft").natural();
    const uint64_t hard = node.get("hard").natural();
    if (soft > hard) node.get("soft").fail("must not be greater than the hard limit");
    limits.push_back({*resource, soft, hard});
  });
  return limits;
}

IoPriority parse_io_priority(const JsonNode& node) {
  const JsonNode kind = node.get("class");
  const std::string name = kind.string();
  int number = 0;
  if (name == "IOPRIO_CLASS_RT") {
    number = 1;
  } else if (name == "IOPRIO_CLASS_BE") {
    number = 2;
  } else if (name == "IOPRIO_CLASS_IDLE") {
    number = 3;
  } else {
    kind.fail("unknown \"" + name + "\"");
  }
  const auto priority = node.find("priority");
  return {number, priority ? static_cast<int>(priority->integer(0, 7)) : 0};
}

uint64_t parse_scheduler_flag(const JsonNode& node) {
  const std::string name = node.string();
  constexpr std::pair<const char*, uint64_t> kFlags[] = {
      {"SCHED_FLAG_RESET_ON_FORK", 0x01}, {"SCHED_FLAG_RECLAIM", 0x02},
      {"SCHED_FLAG_DL_OVERRUN", 0x04},    {"SCHED_FLAG_KEEP_POLICY", 0x08},
      {"SCHED_FLAG_KEEP_PARAMS", 0x10},   {"SCHED_FLAG_UTIL_CLAMP_MIN", 0x20},
      {"SCHED_FLAG_UTIL_CLAMP_MAX", 0x40}};
  for (const auto& [known, bit] : kFlags) {
    if (name == known) return bit;
  }
  node.fail("unknown \"" + name + "\"");
}

Scheduler parse_scheduler(const JsonNode& node) {
  constexpr std::pair<const char*, uint32_t> kPolicies[] = {
      {"SCHED_OTHER", 0}, {"SCHED_FIFO", 1},     {"SCHED_RR", 2},  {"SCHED_BATCH", 3},
      {"SCHED_ISO", 4},   {"SCHED_DEADLINE", 6}, {"SCHED_IDLE", 5}};
  const JsonNode policy = node.get("policy");
  const std::string name = policy.string();
  Scheduler scheduler = {};
  bool is_known = false;
  for (const auto& [known, number] : kPolicies) {
    if (name != known) continue;
    scheduler.policy = number;
    is_known = true;
  }
  if (!is_known) policy.fail("unknown \"" + name + "\"");
  if (const auto nice = node.find("nice")) {
    scheduler.nice = static_cast<int32_t>(nice->integer(-20, 19));
  }
  if (const auto priority = node.find("priority")) {
    scheduler.priority = static_cast<uint32_t>(priority->integer(0, 99));
  }
  node.each("flags", [&](const JsonNode& flag) { scheduler.flags |= parse_scheduler_flag(flag); });
  if (const auto runtime = node.find("runtime")) scheduler.runtime = runtime->natural();
  if (const auto deadline = node.find("deadline")) scheduler.deadline = deadline->natural();
  if (const auto period = node.find("period")) scheduler.period = period->natural();
  return scheduler;
}

Hook parse_hook(const JsonNode& node) {
  const JsonNode path = node.get("path");
  Hook hook = {path.string(), node.strings("args"), node.strings("env"), 0};
  require_absolute(path, hook.path);
  if (hook.args.empty()) hook.args.push_back(hook.path);
  if (const auto timeout = node.find("timeout")) {
    hook.timeout_ms = static_cast<int>(timeout->integer(1, INT32_MAX / 1000)) * 1000;
  }
  return hook;
}

std::vector<Hook> parse_hooks(const JsonNode& node, const char* name) {
  std::vector<Hook> list;
  node.each(name, [&](const JsonNode& item) { list.push_back(parse_hook(item)); });
  return list;
}

Mount parse_mount(const JsonNode& node) {
  Mount mount;
  const JsonNode destination = node.get("destination");
  mount.destination = destination.string();
  if (mount.destination.empty()) destination.fail("must not be empty");
  mount.type = node.string("type", "");
  mount.source = node.string("source", "");
  refuse_member(node, "uidMappings", "id-mapped mounts are not supported by this version");
  refuse_member(node, "gidMappings", "id-mapped mounts are not supported by this version");
  if (const auto options = node.find("options")) {
    mount.options = parse_mount_options(*options, mount.type);
  } else {
    mount.options.is_bind = mount.type == "bind";
  }
  if (mount.options.is_bind && mount.source.empty()) node.fail("a bind mount needs a source");
  if (!mount.options.is_bind && mount.type.empty()) node.fail("lacks \"type\"");
  return mount;
}

void parse_root(const JsonNode& node, Spec& spec) {
  spec.root_path = node.get("path").string();
  if (spec.root_path.empty()) node.get("path").fail("must not be empty");
  spec.is_root_readonly = node.boolean("readonly", false);
}

void check_version(const JsonNode& node) {
  const std::string version = node.string();
  // The specification is versioned semantically: what 1.x adds, an older reader may skip.
  if (!version.starts_with("1.") && version != "1") node.fail("unsupported \"" + version + "\"");
}

void check_together(const Spec& spec) {
  if (!spec.hostname.empty() && !spec.has_namespace(CLONE_NEWUTS)) {
    throw SpecError("hostname", "needs a uts namespace in linux.namespaces");
  }
  if (!spec.domainname.empty() && !spec.has_namespace(CLONE_NEWUTS)) {
    throw SpecError("domainname", "needs a uts namespace in linux.namespaces");
  }
  if (!spec.has_namespace(CLONE_NEWNS)) {
    throw SpecError("linux.namespaces",
                    "lacks a mount namespace: the host's mounts are never changed");
  }
}

}  // namespace

void refuse_member(const JsonNode& node, const char* name, const char* why) {
  const auto member = node.find(name);
  if (!member) return;
  const auto& value = member->value();
  const bool is_empty = (value.IsString() && value.GetStringLength() == 0) ||
                        (value.IsObject() && value.ObjectEmpty()) ||
                        (value.IsArray() && value.Empty());
  if (!is_empty) member->fail(why);
}

Process parse_process(const JsonNode& node) {
  Process process;
  process.has_terminal = node.boolean("terminal", false);
  if (const auto size = node.find("consoleSize")) {
    process.console_size =
        ConsoleSize{static_cast<uint16_t>(size->get("height").natural(UINT16_MAX)),
                    static_cast<uint16_t>(size->get("width").natural(UINT16_MAX))};
  }
  if (const auto user = node.find("user")) process.user = parse_user(*user);
  process.args = node.strings("args");
  process.env = node.strings("env");
  const JsonNode cwd = node.get("cwd");
  process.cwd = cwd.string();
  require_absolute(cwd, process.cwd);
  if (const auto sets = node.find("capabilities")) {
    process.capabilities = parse_capability_sets(*sets);
  }
  process.rlimits = parse_rlimits(node);
  process.no_new_privileges = node.boolean("noNewPrivileges", false);
  if (const auto score = node.find("oomScoreAdj")) {
    process.oom_score_adj = static_cast<int>(score->integer(-1000, 1000));
  }
  if (const auto priority = node.find("ioPriority")) {
    process.io_priority = parse_io_priority(*priority);
  }
  if (const auto scheduler = node.find("scheduler")) {
    process.scheduler = parse_scheduler(*scheduler);
  }
  refuse_member(node, "apparmorProfile", "AppArmor is not supported by this version");
  refuse_member(node, "selinuxLabel", "SELinux is not supported by this version");
  refuse_member(node, "execCPUAffinity", "CPU affinity is not supported by this version");
  return process;
}

Spec parse_spec(const rapidjson::Value& root) {
  const JsonNode node(root);
  Spec spec;
  const JsonNode version = node.get("ociVersion");
  check_version(version);
  spec.oci_version = version.string();
  parse_root(node.get("root"), spec);
  spec.hostname = node.string("hostname", "");
  spec.domainname = node.string("domainname", "");
  if (const auto process = node.find("process")) spec.process = parse_process(*process);
  node.each("mounts", [&](const JsonNode& mount) { spec.mounts.push_back(parse_mount(mount)); });
  if (const auto hooks = node.find("hooks")) {
    spec.hooks.prestart = parse_hooks(*hooks, "prestart");
    spec.hooks.create_runtime = parse_hooks(*hooks, "createRuntime");
    spec.hooks.create_container = parse_hooks(*hooks, "createContainer");
    spec.hooks.start_container = parse_hooks(*hooks, "startContainer");
    spec.hooks.poststart = parse_hooks(*hooks, "poststart");
    spec.hooks.poststop = parse_hooks(*hooks, "poststop");
  }
  if (const auto annotations = node.find("annotations")) {
    annotations->each_member([&](const JsonNode& member) {
      spec.annotations.emplace_back(member.name(), member.string());
    });
  }
  for (const char* platform : {"solaris", "windows", "vm", "zos", "freebsd"}) {
    refuse_member(node, platform, "this runtime runs Linux containers only");
  }
  if (const auto linux = node.find("linux")) parse_linux(*linux, spec);
  check_together(spec);
  return spec;
}

}  // namespace ocup
