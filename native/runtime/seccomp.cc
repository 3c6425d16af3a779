#include "runtime/seccomp.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

struct ReleaseFilter {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, ReleaseFilter>;

enum class Ret { kNone, kErrno, kTrace };

struct Action {
  const char* name;
  uint32_t value;
  Ret ret;
};

constexpr const char* kNotify = "SCMP_ACT_NOTIFY";

constexpr Action kActions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, Ret::kNone},
    {"SCMP_ACT_ERRNO", 0, Ret::kErrno},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL, Ret::kNone},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, Ret::kNone},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, Ret::kNone},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG, Ret::kNone},
    {kNotify, SCMP_ACT_NOTIFY, Ret::kNone},
    {"SCMP_ACT_TRACE", 0, Ret::kTrace},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, Ret::kNone},
};

struct Operator {
  const char* name;
  scmp_compare value;
};

constexpr Operator kOperators[] = {
    {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE},
};

constexpr const char* kArchitectures[] = {
    "LOONGARCH64", "AARCH64",     "ARM",    "MIPS",     "MIPS64", "MIPS64N32", "MIPSEL",
    "MIPSEL64",    "MIPSEL64N32", "PARISC", "PARISC64", "PPC",    "PPC64",     "PPC64LE",
    "RISCV64",     "S390",        "S390X",  "X32",      "X86",    "X86_64",
};

/** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV of Linux 5.19; of use with a listener only. */
constexpr unsigned kWaitKillable = 1u << 5;

struct Flag {
  const char* name;
  unsigned value;
};

constexpr Flag kFlags[] = {
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", kWaitKillable},
    // The filter is installed by a process with one thread: there is nothing to synchronize.
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
};

constexpr const char* kArchPrefix = "SCMP_ARCH_";

uint32_t parse_action(const JsonNode& node, const std::optional<JsonNode>& errno_node) {
  const std::string name = node.string();
  for (const auto& action : kActions) {
    if (name != action.name) continue;
    const auto code = static_cast<uint16_t>(errno_node ? errno_node->natural(4095) : EPERM);
    if (action.ret == Ret::kErrno) return static_cast<uint32_t>(SCMP_ACT_ERRNO(code));
    if (action.ret == Ret::kTrace) return static_cast<uint32_t>(SCMP_ACT_TRACE(code));
    return action.value;
  }
  node.fail("unknown \"" + name + "\"");
}

void add_architectures(scmp_filter_ctx filter, const JsonNode& profile) {
  profile.each("architectures", [&](const JsonNode& node) {
    const std::string name = node.string();
    std::string text;
    for (const char* known : kArchitectures) {
      if (name == std::string(kArchPrefix) + known) text = known;
    }
    if (text.empty()) node.fail("unknown \"" + name + "\"");
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    const uint32_t token = ::seccomp_arch_resolve_name(text.c_str());
    const int error = token == 0 ? -EINVAL : ::seccomp_arch_add(filter, token);
    if (error < 0 && error != -EEXIST) node.fail("is not supported by libseccomp");
  });
}

scmp_arg_cmp parse_condition(const JsonNode& node) {
  const JsonNode op = node.get("op");
  const std::string name = op.string();
  const auto index = static_cast<unsigned>(node.get("index").natural(5));
  const uint64_t value = node.get("value").natural();
  const auto second = node.find("valueTwo");
  for (const auto& known : kOperators) {
    if (name != known.name) continue;
    scmp_arg_cmp condition = {};
    condition.arg = index;
    condition.op = known.value;
    condition.datum_a = value;
    if (known.value == SCMP_CMP_MASKED_EQ) condition.datum_b = second ? second->natural() : 0;
    return condition;
  }
  op.fail("unknown \"" + name + "\"");
}

bool has_argument_twice(const std::vector<scmp_arg_cmp>& conditions) {
  unsigned seen = 0;
  for (const auto& condition : conditions) {
    const unsigned bit = 1u << condition.arg;
    if ((seen & bit) != 0) return true;
    seen |= bit;
  }
  return false;
}

void require_ok(int error, const JsonNode& node) {
  if (error < 0) node.fail("is refused by libseccomp: " + errno_text(-error));
}

void add_rule(scmp_filter_ctx filter, const JsonNode& node, uint32_t default_action) {
  const uint32_t action = parse_action(node.get("action"), node.find("errnoRet"));
  std::vector<scmp_arg_cmp> conditions;
  node.each("args", [&](const JsonNode& item) { conditions.push_back(parse_condition(item)); });
  // libseccomp refuses a rule that says what the default says anyway.
  const bool is_idle = action == default_action;
  const bool is_notify = action == SCMP_ACT_NOTIFY;
  node.get("names").each([&](const JsonNode& item) {
    const int number = ::seccomp_syscall_resolve_name(item.string().c_str());
    if (number == __NR_SCMP_ERROR || is_idle) return;
    // The process hands its listener over by this call: nobody could answer for it yet.
    if (is_notify && number == SCMP_SYS(sendmsg))
      item.fail("cannot have the action SCMP_ACT_NOTIFY");
    if (has_argument_twice(conditions)) {
      // Two conditions on one argument do not fit into one rule: any of them is enough, as in runc.
      for (const auto& condition : conditions) {
        require_ok(::seccomp_rule_add_array(filter, action, number, 1, &condition), item);
      }
      return;
    }
    require_ok(
        ::seccomp_rule_add_array(filter, action, number, static_cast<unsigned>(conditions.size()),
                                 conditions.data()),
        item);
  });
}

unsigned parse_flags(const JsonNode& profile) {
  unsigned flags = 0;
  profile.each("flags", [&](const JsonNode& node) {
    const std::string name = node.string();
    for (const auto& flag : kFlags) {
      if (name != flag.name) continue;
      flags |= flag.value;
      return;
    }
    node.fail("unknown or not supported \"" + name + "\"");
  });
  return flags;
}

std::string export_program(scmp_filter_ctx filter) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) throw SysError(errno, "memfd_create");
  const int error = ::seccomp_export_bpf(filter, file.get());
  if (error < 0) throw SysError(-error, "seccomp_export_bpf");
  if (::lseek(file.get(), 0, SEEK_SET) < 0) throw SysError(errno, "lseek");
  return read_all(file.get(), "seccomp");
}

}  // namespace

SeccompFilter compile_seccomp(const JsonNode& profile) {
  const uint32_t default_action =
      parse_action(profile.get("defaultAction"), profile.find("defaultErrnoRet"));
  if (default_action == SCMP_ACT_NOTIFY) {
    profile.get("defaultAction").fail("cannot be SCMP_ACT_NOTIFY: nobody could answer in time");
  }
  const Filter filter(::seccomp_init(default_action));
  if (!filter) profile.get("defaultAction").fail("is refused by libseccomp");
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL);
  add_architectures(filter.get(), profile);
  profile.each("syscalls",
               [&](const JsonNode& node) { add_rule(filter.get(), node, default_action); });
  return {export_program(filter.get()), parse_flags(profile), false};
}

bool has_listener(const JsonNode& profile) {
  bool has_notify = false;
  profile.each("syscalls", [&](const JsonNode& node) {
    has_notify = has_notify || node.string("action", "") == kNotify;
  });
  if (has_notify && profile.string("listenerPath", "").empty()) {
    profile.fail("needs listenerPath for the action SCMP_ACT_NOTIFY");
  }
  return has_notify;
}

UniqueFd install_seccomp(const SeccompFilter& filter) {
  // The kernel copies the program: its bytes need the alignment of its instructions only here.
  std::vector<sock_filter> instructions(filter.program.size() / sizeof(sock_filter));
  std::copy_n(filter.program.data(), instructions.size() * sizeof(sock_filter),
              reinterpret_cast<char*>(instructions.data()));
  sock_fprog program = {static_cast<unsigned short>(instructions.size()), instructions.data()};
  unsigned flags = filter.flags;
  if (filter.has_listener) {
    flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  } else {
    flags &= ~kWaitKillable;
  }
  const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  if (result < 0) throw SysError(errno, "seccomp");
  return filter.has_listener ? UniqueFd(static_cast<int>(result)) : UniqueFd();
}

std::string libseccomp_version() {
  const scmp_version* library = ::seccomp_version();
  return std::to_string(library->major) + "." + std::to_string(library->minor) + "." +
         std::to_string(library->micro);
}

std::vector<std::string> seccomp_actions() {
  std::vector<std::string> names;
  for (const auto& action : kActions) names.emplace_back(action.name);
  return names;
}

std::vector<std::string> seccomp_operators() {
  std::vector<std::string> names;
  for (const auto& known : kOperators) names.emplace_back(known.name);
  return names;
}

std::vector<std::string> seccomp_architectures() {
  std::vector<std::string> names;
  for (const char* name : kArchitectures) names.push_back(std::string(kArchPrefix) + name);
  return names;
}

std::vector<std::string> seccomp_flags() {
  std::vector<std::string> names;
  for (const auto& flag : kFlags) names.emplace_back(flag.name);
  return names;
}

}  // namespace ocup
