#include <sched.h>

#include <charconv>

#include "base/error.h"
#include "runtime/spec.h"

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

}  // namespace

std::vector<unsigned> parse_number_list(const JsonNode& node, unsigned most) {
  const std::string text = node.string();
  std::vector<unsigned> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto take = [&](unsigned& number) {
    while (at < end && *at == ' ') ++at;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc() || number > most) {
      node.fail("\"" + text + "\" is not a list of numbers up to " + std::to_string(most));
    }
    for (at = next; at < end && *at == ' ';) ++at;
  };
  while (at < end) {
    unsigned first = 0;
    take(first);
    unsigned last = first;
    if (at < end && *at == '-') {
      ++at;
      take(last);
    }
    if (last < first) node.fail("\"" + text + "\" has a range that ends before it starts");
    for (unsigned number = first; number <= last; ++number) numbers.push_back(number);
    if (at == end) break;
    if (*at != ',') node.fail("\"" + text + "\" is not a list like 0-3,7");
    ++at;
  }
  return numbers;
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
  if (const auto affinity = node.find("execCPUAffinity")) {
    constexpr unsigned kMaxCpu = CPU_SETSIZE - 1;
    const auto list = [&](const char* name) {
      const auto member = affinity->find(name);
      return member ? parse_number_list(*member, kMaxCpu) : std::vector<unsigned>();
    };
    process.exec_affinity = {list("initial"), list("final")};
  }
  process.apparmor_profile = node.string("apparmorProfile", "");
  process.selinux_label = node.string("selinuxLabel", "");
  return process;
}

}  // namespace ocup
