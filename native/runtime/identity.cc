#include "runtime/identity.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"
#include "runtime/log.h"

namespace ocup {

namespace {

constexpr uint64_t bit(int number) { return uint64_t{1} << number; }

/** /etc/passwd belongs to the image: what is larger is not read. */
constexpr size_t kMaxPasswd = 4u << 20;

uint64_t own_permitted() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) throw SysError(errno, "capget");
  return data[0].permitted | uint64_t{data[1].permitted} << 32;
}

void set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = [](uint64_t set) { return static_cast<uint32_t>(set); };
  const auto high = [](uint64_t set) { return static_cast<uint32_t>(set >> 32); };
  const __user_cap_data_struct data[2] = {
      {low(effective), low(permitted), low(inheritable)},
      {high(effective), high(permitted), high(inheritable)},
  };
  if (::syscall(SYS_capset, &header, data) < 0) throw SysError(errno, "capset");
}

/** The sets without what cannot be had, in which each holds to the kernel's rules about the others.
 */
CapabilitySets attainable(const CapabilitySets& wanted, uint64_t available) {
  CapabilitySets sets = wanted;
  sets.permitted &= available;
  sets.effective &= sets.permitted;
  sets.inheritable &= available;
  sets.ambient &= sets.permitted & sets.inheritable;
  return sets;
}

void drop_bounding(uint64_t kept) {
  for (int number = 0; number < 64; ++number) {
    if ((kept & bit(number)) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return;
    throw SysError(errno, "prctl", "PR_CAPBSET_DROP");
  }
}

void warn_of_missing(const CapabilitySets& wanted, uint64_t available) {
  const uint64_t missing = (wanted.permitted | wanted.inheritable) & ~available;
  for (int number = 0; number < 64; ++number) {
    const char* name = capability_name(number);
    if ((missing & bit(number)) == 0 || name == nullptr) continue;
    log_warning(std::string("cannot grant ") + name + ": the runtime does not have it");
  }
}

void set_groups(const User& user) {
  if (::setgroups(user.additional_gids.size(), user.additional_gids.data()) == 0) return;
  // A user namespace with a single id denies setgroups, and then there is nothing to drop either.
  if (errno == EPERM && user.additional_gids.empty()) return;
  throw SysError(errno, "setgroups");
}

void set_ids(const User& user) {
  set_groups(user);
  if (::setresgid(user.gid, user.gid, user.gid) < 0) throw SysError(errno, "setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) < 0) throw SysError(errno, "setresuid");
}

void raise_ambient(uint64_t set) {
  // Kernels without ambient capabilities have none to clear.
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL) {
    throw SysError(errno, "prctl", "PR_CAP_AMBIENT_CLEAR_ALL");
  }
  for (int number = 0; number < 64; ++number) {
    if ((set & bit(number)) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0) {
      throw SysError(errno, "prctl", "PR_CAP_AMBIENT_RAISE");
    }
  }
}

/** Home in a line of passwd: `name:x:uid:gid:comment:home:shell`. */
std::string home_in(std::string_view line, uid_t uid) {
  std::string_view fields[7];
  size_t count = 0;
  while (count < 7) {
    const size_t colon = line.find(':');
    fields[count++] = line.substr(0, colon);
    if (colon == std::string_view::npos) break;
    line.remove_prefix(colon + 1);
  }
  uid_t number = 0;
  const char* end = fields[2].data() + fields[2].size();
  const auto [rest, error] = std::from_chars(fields[2].data(), end, number);
  const bool fits = count >= 6 && error == std::errc() && rest == end && number == uid;
  return fits ? std::string(fields[5]) : "";
}

}  // namespace

void take_identity(const Process& process, bool keeps_sys_admin) {
  const uint64_t available = own_permitted();
  const CapabilitySets sets = attainable(process.capabilities, available);
  warn_of_missing(process.capabilities, available);
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) throw SysError(errno, "prctl", "PR_SET_KEEPCAPS");
  drop_bounding(process.capabilities.bounding);
  set_ids(process.user);
  const uint64_t kept = keeps_sys_admin ? bit(CAP_SYS_ADMIN) & available : 0;
  set_capabilities(sets.effective | kept, sets.permitted | kept, sets.inheritable);
  ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
  raise_ambient(sets.ambient);
}

void drop_sys_admin(const Process& process) {
  const CapabilitySets sets = attainable(process.capabilities, own_permitted());
  set_capabilities(sets.effective, sets.permitted, sets.inheritable);
}

void become_namespace_root() {
  if (::setresgid(0, 0, 0) < 0) throw SysError(errno, "setresgid", "root of the user namespace");
  if (::setresuid(0, 0, 0) < 0) throw SysError(errno, "setresuid", "root of the user namespace");
  // Where it is allowed; a namespace of one id denies it, and has no groups to lose.
  if (::setgroups(0, nullptr) < 0 && errno != EPERM) throw SysError(errno, "setgroups");
}

void raise_limits(const Process& process) {
  for (const auto& limit : process.rlimits) {
    rlimit now = {};
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    if (::getrlimit(resource, &now) < 0) throw SysError(errno, "getrlimit");
    if (limit.hard <= now.rlim_max) continue;
    now.rlim_max = limit.hard;
    if (::setrlimit(resource, &now) == 0) continue;
    throw SysError(
        errno, "setrlimit",
        "of resource " + std::to_string(limit.resource) + " to " + std::to_string(limit.hard));
  }
}

void set_limits(const Process& process) {
  for (const auto& limit : process.rlimits) {
    const rlimit value = {limit.soft, limit.hard};
    if (::setrlimit(static_cast<__rlimit_resource>(limit.resource), &value) < 0) {
      throw SysError(errno, "setrlimit");
    }
  }
}

void set_scheduling(const Process& process) {
  if (process.io_priority) {
    constexpr int kClassShift = 13;
    const int value =
        process.io_priority->priority_class << kClassShift | process.io_priority->priority;
    if (::syscall(SYS_ioprio_set, 1, 0, value) < 0) throw SysError(errno, "ioprio_set");
  }
  if (process.scheduler) {
    struct Attributes {
      uint32_t size, policy;
      uint64_t flags;
      int32_t nice;
      uint32_t priority;
      uint64_t runtime, deadline, period;
    };
    const Scheduler& scheduler = *process.scheduler;
    const Attributes attributes = {sizeof(Attributes), scheduler.policy,   scheduler.flags,
                                   scheduler.nice,     scheduler.priority, scheduler.runtime,
                                   scheduler.deadline, scheduler.period};
    if (::syscall(SYS_sched_setattr, 0, &attributes, 0) < 0) throw SysError(errno, "sched_setattr");
  }
}

void set_memory_policy(const MemoryPolicy& policy) {
  unsigned long mask[1024 / (8 * sizeof(unsigned long))] = {};
  constexpr unsigned kBits = 8 * sizeof(unsigned long);
  for (const unsigned node : policy.nodes) mask[node / kBits] |= 1ul << (node % kBits);
  const bool has_nodes = !policy.nodes.empty();
  // The kernel takes one bit less than it is told.
  const long result = ::syscall(SYS_set_mempolicy, policy.mode, has_nodes ? mask : nullptr,
                                has_nodes ? 8 * sizeof mask + 1 : 0);
  if (result < 0) throw SysError(errno, "set_mempolicy", "linux.memoryPolicy");
}

void set_affinity(const std::vector<unsigned>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const unsigned cpu : cpus) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof set, &set) < 0) {
    throw SysError(errno, "sched_setaffinity", "process.execCPUAffinity");
  }
}

void reset_affinity() {
  cpu_set_t set;
  std::memset(&set, 0xff, sizeof set);
  // What is not to be had (a seccomp filter around us forbids it) stays as it is.
  ::sched_setaffinity(0, sizeof set, &set);
}

void write_oom_score(pid_t pid, int score) {
  const std::string path = "/proc/" + std::to_string(pid) + "/oom_score_adj";
  const UniqueFd file = open_proc_file(path, O_RDWR);
  const std::string text = std::to_string(score);
  // A score that stays what it is needs no privilege.
  if (read_all(file.get(), path) == text + "\n") return;
  if (::pwrite(file.get(), text.data(), text.size(), 0) < 0) throw SysError(errno, "write", path);
}

std::string home_of(int root_fd, uid_t uid) {
  const UniqueFd file(try_open_in_root(root_fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat stat = {};
  if (!file || ::fstat(file.get(), &stat) < 0 || !S_ISREG(stat.st_mode)) return "/";
  if (stat.st_size > static_cast<off_t>(kMaxPasswd)) return "/";
  const std::string text = read_all(file.get(), "/etc/passwd");
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string home = home_in(rest.substr(0, end), uid);
    if (!home.empty()) return home;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return "/";
}

int last_capability() {
  int number = 0;
  while (::prctl(PR_CAPBSET_READ, number + 1, 0, 0, 0) >= 0) ++number;
  return number;
}

}  // namespace ocup
