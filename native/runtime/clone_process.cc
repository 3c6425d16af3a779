#include "runtime/clone_process.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace ocup {

namespace {

/** The runtime goes back to its own namespace for children when it has made the one it wanted. */
class Detour {
 public:
  Detour(const char* own, int flag) : own_(open_file(own, O_RDONLY)), flag_(flag) {}
  Detour(const Detour&) = delete;
  Detour& operator=(const Detour&) = delete;
  ~Detour() {
    if (own_) ::setns(own_.get(), flag_);
  }

  /** For the child, which is where it should be. */
  void stay() { own_.reset(); }

 private:
  UniqueFd own_;
  int flag_;
};

long clone3(uint64_t flags, int exit_signal) {
  struct clone_args arguments = {};
  arguments.flags = flags;
  arguments.exit_signal = static_cast<uint64_t>(exit_signal);
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid >= 0 || !is_call_refused(errno)) return pid;
  // The older call shares its flags, has its exit signal among them, and no pointers here.
  return ::syscall(SYS_clone, flags | static_cast<uint64_t>(exit_signal), 0ul, 0ul, 0ul, 0ul);
}

long clone_into_cgroup(uint64_t flags, int cgroup) {
  struct clone_args arguments = {};
  arguments.flags = flags | CLONE_INTO_CGROUP;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<uint64_t>(cgroup);
  return ::syscall(SYS_clone3, &arguments, sizeof arguments);
}

void write_time_offsets(const std::vector<TimeOffset>& offsets) {
  std::string text;
  for (const auto& offset : offsets) {
    text += offset.clock + " " + std::to_string(offset.seconds) + " " +
            std::to_string(offset.nanoseconds) + "\n";
  }
  if (!text.empty()) write_proc_file("/proc/self/timens_offsets", text);
}

void make_time_ns(const ClonePlan& plan) {
  if (::unshare(kTimeNamespace) < 0) throw SysError(errno, "unshare", "time namespace");
  if (plan.time_offsets != nullptr) write_time_offsets(*plan.time_offsets);
}

/** In the process between: enters what has to be entered first, and makes a sibling there. */
pid_t clone_sibling(const ClonePlan& plan) {
  if (::setns(plan.user_ns, CLONE_NEWUSER) < 0) throw SysError(errno, "setns", "user");
  if (plan.pid_ns >= 0 && ::setns(plan.pid_ns, CLONE_NEWPID) < 0)
    throw SysError(errno, "setns", "pid");
  if (plan.has_new_time_ns) make_time_ns(plan);
  const long pid = clone3(plan.flags | CLONE_PARENT, 0);
  if (pid < 0) throw SysError(errno, "clone3");
  return static_cast<pid_t>(pid);
}

struct Report {
  pid_t pid;
  int error_number;
};

/**
 * Namespaces made by a process of the host's user namespace would belong to that one. A process
 * between enters the other user namespace first, and makes the child there as a child of ours.
 */
pid_t clone_by_way_of_user_ns(const ClonePlan& plan) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) throw SysError(errno, "pipe2");
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const pid_t between = ::fork();
  if (between < 0) throw SysError(errno, "fork");
  if (between == 0) {
    Report report = {0, 0};
    try {
      report.pid = clone_sibling(plan);
      if (report.pid == 0) return 0;
    } catch (const SysError& error) {
      report.error_number = error.error_number();
    }
    if (::write(write_end.get(), &report, sizeof report) < 0) ::_exit(1);
    ::_exit(0);
  }
  write_end.reset();
  Report report = {0, EIO};
  const ssize_t length = ::read(read_end.get(), &report, sizeof report);
  wait_for(between);
  if (length != static_cast<ssize_t>(sizeof report) || report.error_number != 0) {
    throw SysError(report.error_number, "clone3", "in the user namespace to join");
  }
  return report.pid;
}

std::string map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const auto& mapping : mappings) {
    text += std::to_string(mapping.container_id) + " " + std::to_string(mapping.host_id) + " " +
            std::to_string(mapping.size) + "\n";
  }
  return text;
}

/** Writes the map itself or has the privileged helper of the `uidmap` package write it. */
void write_map(pid_t pid, const char* file, const char* helper,
               const std::vector<IdMapping>& mappings) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  try {
    write_proc_file(path, map_text(mappings));
  } catch (const SysError& error) {
    if (error.error_number() != EPERM || ::geteuid() == 0) throw;
    Program program = {
        std::string("/usr/bin/") + helper, {helper, std::to_string(pid)}, {}, {}, 0, nullptr};
    for (const auto& mapping : mappings) {
      program.args.push_back(std::to_string(mapping.container_id));
      program.args.push_back(std::to_string(mapping.host_id));
      program.args.push_back(std::to_string(mapping.size));
    }
    if (run_program(program).wait_status != 0) throw;
  }
}

}  // namespace

Cloned clone_process(const ClonePlan& plan) {
  if (plan.user_ns >= 0) return {clone_by_way_of_user_ns(plan), false};
  std::optional<Detour> time_detour;
  std::optional<Detour> pid_detour;
  if (plan.has_new_time_ns) {
    time_detour.emplace("/proc/self/ns/time", kTimeNamespace);
    make_time_ns(plan);
  }
  if (plan.pid_ns >= 0) {
    pid_detour.emplace("/proc/self/ns/pid", CLONE_NEWPID);
    if (::setns(plan.pid_ns, CLONE_NEWPID) < 0) throw SysError(errno, "setns", "pid");
  }
  long pid = plan.cgroup < 0 ? -1 : clone_into_cgroup(plan.flags, plan.cgroup);
  const bool is_born_in_cgroup = pid >= 0;
  // A kernel or a cgroup that will not have it so may have it the other way, or say why it cannot.
  if (!is_born_in_cgroup) pid = clone3(plan.flags, SIGCHLD);
  if (pid < 0) throw SysError(errno, "clone3");
  if (pid == 0 && time_detour) time_detour->stay();
  if (pid == 0 && pid_detour) pid_detour->stay();
  return {static_cast<pid_t>(pid), is_born_in_cgroup};
}

void write_id_maps(pid_t pid, const std::vector<IdMapping>& uids,
                   const std::vector<IdMapping>& gids) {
  // man 7 user_namespaces: without privileges setgroups has to be given up before gid_map.
  const bool is_single = gids.size() == 1 && gids[0].size == 1 && gids[0].host_id == ::getegid();
  if (::geteuid() != 0 && is_single) {
    write_proc_file("/proc/" + std::to_string(pid) + "/setgroups", "deny");
  }
  write_map(pid, "uid_map", "newuidmap", uids);
  write_map(pid, "gid_map", "newgidmap", gids);
}

}  // namespace ocup
