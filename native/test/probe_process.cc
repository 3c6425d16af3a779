#include <dirent.h>
#include <grp.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "test/probe.h"

extern char** environ;

namespace ocup {

namespace {

/** Fields of /proc/self/status that a runtime decides over. */
constexpr const char* kStatusFields[] = {
    "Umask",
    "Uid",
    "Gid",
    "Groups",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "Seccomp",
    "Threads",
    "THP_enabled",
    "TracerPid",
    "Seccomp_filters",
    "Cpus_allowed_list",
    "Mems_allowed_list",
};

constexpr std::pair<const char*, int> kLimits[] = {
    {"AS", RLIMIT_AS},           {"CORE", RLIMIT_CORE},         {"CPU", RLIMIT_CPU},
    {"DATA", RLIMIT_DATA},       {"FSIZE", RLIMIT_FSIZE},       {"LOCKS", RLIMIT_LOCKS},
    {"MEMLOCK", RLIMIT_MEMLOCK}, {"MSGQUEUE", RLIMIT_MSGQUEUE}, {"NICE", RLIMIT_NICE},
    {"NOFILE", RLIMIT_NOFILE},   {"NPROC", RLIMIT_NPROC},       {"RSS", RLIMIT_RSS},
    {"RTPRIO", RLIMIT_RTPRIO},   {"RTTIME", RLIMIT_RTTIME},     {"SIGPENDING", RLIMIT_SIGPENDING},
    {"STACK", RLIMIT_STACK},
};

constexpr const char* kNamespaces[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};

std::string read_or_error(const std::string& path) {
  try {
    std::string text = read_file(path);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  } catch (const SysError& error) {
    return errno_text(error.error_number());
  }
}

std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? errno_text(errno) : std::string(target, static_cast<size_t>(length));
}

void probe_status(Facts& facts) {
  std::istringstream lines(read_or_error("/proc/self/status"));
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const std::string name = line.substr(0, colon);
    for (const char* wanted : kStatusFields) {
      if (name != wanted) continue;
      const size_t start = line.find_first_not_of(" \t", colon + 1);
      std::string value = start == std::string::npos ? "" : line.substr(start);
      while (!value.empty() && value.back() == ' ') value.pop_back();
      facts["status." + name] = value;
    }
  }
}

std::string limit_text(rlim_t value) {
  return value == RLIM_INFINITY ? "unlimited" : std::to_string(value);
}

void probe_limits(Facts& facts) {
  for (const auto& [name, number] : kLimits) {
    rlimit limit = {};
    if (::getrlimit(static_cast<__rlimit_resource>(number), &limit) < 0) continue;
    facts[std::string("limit.") + name] =
        limit_text(limit.rlim_cur) + " " + limit_text(limit.rlim_max);
  }
}

void probe_scheduling(Facts& facts) {
  sched_param parameter = {};
  ::sched_getparam(0, &parameter);
  facts["sched.policy"] = std::to_string(::sched_getscheduler(0));
  facts["sched.priority"] = std::to_string(parameter.sched_priority);
  facts["sched.nice"] = std::to_string(::getpriority(PRIO_PROCESS, 0));
  facts["sched.io"] = std::to_string(::syscall(SYS_ioprio_get, 1, 0));
  int mode = -1;
  unsigned long nodes[16] = {};
  ::syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, nullptr, 0UL);
  facts["sched.mempolicy"] = std::to_string(mode) + " " + std::to_string(nodes[0]);
  facts["sched.timerslack"] = std::to_string(::prctl(PR_GET_TIMERSLACK));
}

void probe_session(Facts& facts) {
  facts["session.pid"] = std::to_string(::getpid());
  facts["session.isLeader"] = ::getsid(0) == ::getpid() ? "yes" : "no";
  facts["session.isGroupLeader"] = ::getpgrp() == ::getpid() ? "yes" : "no";
  facts["session.hasTerminal"] = ::isatty(0) == 1 ? link_target("/proc/self/fd/0") : "no";
  winsize size = {};
  if (::ioctl(0, TIOCGWINSZ, &size) == 0) {
    facts["session.terminalSize"] = std::to_string(size.ws_row) + "x" + std::to_string(size.ws_col);
  }
  facts["session.comm"] = read_or_error("/proc/self/comm");
  facts["session.exe"] = link_target("/proc/self/exe");
  facts["session.dumpable"] = std::to_string(::prctl(PR_GET_DUMPABLE));
  facts["session.pdeathsig"] = [] {
    int signal_number = -1;
    ::prctl(PR_GET_PDEATHSIG, &signal_number);
    return std::to_string(signal_number);
  }();
  facts["session.subreaper"] = [] {
    int value = -1;
    ::prctl(PR_GET_CHILD_SUBREAPER, &value);
    return std::to_string(value);
  }();
  facts["session.securebits"] = std::to_string(::prctl(PR_GET_SECUREBITS));
  facts["session.personality"] = std::to_string(::personality(0xffffffff));
  facts["session.oomScoreAdj"] = read_or_error("/proc/self/oom_score_adj");
  facts["session.coredumpFilter"] = read_or_error("/proc/self/coredump_filter");
}

void probe_namespaces(Facts& facts) {
  for (const char* name : kNamespaces) {
    facts[std::string("ns.") + name] = link_target(std::string("/proc/self/ns/") + name);
  }
  for (const char* name : {"uid_map", "gid_map", "setgroups", "timens_offsets"}) {
    std::istringstream words(read_or_error(std::string("/proc/self/") + name));
    std::string text;
    for (std::string word; words >> word;) text += (text.empty() ? "" : " ") + word;
    facts[std::string("ns.") + name] = text;
  }
  std::istringstream interfaces(read_or_error("/proc/net/dev"));
  for (std::string line; std::getline(interfaces, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name =
        line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' '));
    facts["net." + name] = read_or_error("/sys/class/net/" + name + "/flags");
  }
}

void probe_descriptors(Facts& facts) {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return;
  const std::string own = std::to_string(::dirfd(folder));
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || name == own) continue;
    facts["fd." + name] =
        name <= "2" && name.size() == 1 ? "open" : link_target("/proc/self/fd/" + name);
  }
  ::closedir(folder);
}

void probe_environment(Facts& facts) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    std::string& value = facts["env." + text.substr(0, equals)];
    value += (value.empty() ? "" : " | ") + text.substr(std::min(equals, text.size() - 1) + 1);
  }
}

}  // namespace

std::string answer(bool is_ok) {
  if (is_ok) return "ok";
  const char* name = ::strerrorname_np(errno);
  return name == nullptr ? std::to_string(errno) : name;
}

void probe_process(Facts& facts) {
  probe_status(facts);
  probe_limits(facts);
  probe_scheduling(facts);
  probe_session(facts);
  probe_namespaces(facts);
  probe_descriptors(facts);
  probe_environment(facts);
  char folder[PATH_MAX];
  facts["cwd"] = ::getcwd(folder, sizeof folder) == nullptr ? answer(false) : folder;
  utsname names = {};
  ::uname(&names);
  facts["uts.nodename"] = names.nodename;
  facts["uts.domainname"] = names.domainname;
  facts["uts.machine"] = names.machine;
}

}  // namespace ocup
