#include <sched.h>
#include <sys/resource.h>

#include <array>

#include "runtime/spec.h"

namespace ocup {

namespace {

struct NumberName {
  const char* name;
  int number;
};

// In the order of their numbers, see man 7 capabilities.
constexpr std::array kCapabilities = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

constexpr NumberName kRlimits[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

// In the kernel's headers under names that libnuma's clash with, see man 2 set_mempolicy.
constexpr NumberName kMemoryModes[] = {
    {"MPOL_BIND", 2},
    {"MPOL_DEFAULT", 0},
    {"MPOL_INTERLEAVE", 3},
    {"MPOL_LOCAL", 4},
    {"MPOL_PREFERRED", 1},
    {"MPOL_PREFERRED_MANY", 5},
    {"MPOL_WEIGHTED_INTERLEAVE", 6},
};

constexpr NumberName kMemoryFlags[] = {
    {"MPOL_F_NUMA_BALANCING", 1 << 13},
    {"MPOL_F_RELATIVE_NODES", 1 << 14},
    {"MPOL_F_STATIC_NODES", 1 << 15},
};

template <size_t N>
std::optional<int> find_number(const NumberName (&table)[N], std::string_view name) {
  for (const auto& entry : table) {
    if (name == entry.name) return entry.number;
  }
  return std::nullopt;
}

template <size_t N>
std::vector<std::string> names_of(const NumberName (&table)[N]) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return names;
}

struct NamespaceName {
  const char* type;
  const char* file;
  int flag;
};

constexpr NamespaceName kNamespaces[] = {
    {"pid", "pid", CLONE_NEWPID},          {"network", "net", CLONE_NEWNET},
    {"mount", "mnt", CLONE_NEWNS},         {"ipc", "ipc", CLONE_NEWIPC},
    {"uts", "uts", CLONE_NEWUTS},          {"user", "user", CLONE_NEWUSER},
    {"cgroup", "cgroup", CLONE_NEWCGROUP}, {"time", "time", kTimeNamespace},
};

}  // namespace

std::optional<int> find_capability(std::string_view name) {
  for (size_t number = 0; number < kCapabilities.size(); ++number) {
    if (name == kCapabilities[number]) return static_cast<int>(number);
  }
  return std::nullopt;
}

const char* capability_name(int number) {
  const auto index = static_cast<size_t>(number);
  return index < kCapabilities.size() ? kCapabilities[index] : nullptr;
}

std::optional<int> find_rlimit(std::string_view name) { return find_number(kRlimits, name); }

std::optional<int> find_memory_policy_mode(std::string_view name) {
  return find_number(kMemoryModes, name);
}

std::optional<int> find_memory_policy_flag(std::string_view name) {
  return find_number(kMemoryFlags, name);
}

std::vector<std::string> memory_policy_modes() { return names_of(kMemoryModes); }
std::vector<std::string> memory_policy_flags() { return names_of(kMemoryFlags); }

std::optional<int> find_namespace(std::string_view type) {
  for (const auto& entry : kNamespaces) {
    if (type == entry.type) return entry.flag;
  }
  return std::nullopt;
}

const char* namespace_file(int flag) {
  for (const auto& entry : kNamespaces) {
    if (flag == entry.flag) return entry.file;
  }
  return "";
}

bool Spec::has_namespace(int flag) const {
  for (const auto& space : namespaces) {
    if (space.flag == flag) return true;
  }
  return false;
}

bool Spec::makes_namespace(int flag) const {
  for (const auto& space : namespaces) {
    if (space.flag == flag) return space.path.empty();
  }
  return false;
}

}  // namespace ocup
