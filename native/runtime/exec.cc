#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "runtime/cgroup_entry.h"
#include "runtime/clone_process.h"
#include "runtime/container.h"
#include "runtime/identity.h"
#include "runtime/launch.h"
#include "runtime/log.h"
#include "runtime/seccomp_listener.h"
#include "runtime/terminal.h"

namespace ocup {

namespace {

uint32_t parse_id(const std::string& text, const std::string& whole) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    throw UserError("parsing user \"" + whole + "\": expected <uid>[:<gid>]");
  }
  return id;
}

void set_user(User& user, const std::string& text) {
  const size_t colon = text.find(':');
  user.uid = parse_id(text.substr(0, colon), text);
  if (colon != std::string::npos) user.gid = parse_id(text.substr(colon + 1), text);
}

uint64_t parse_capabilities(const std::vector<std::string>& names) {
  uint64_t set = 0;
  for (const auto& name : names) {
    const auto number = find_capability(name);
    if (!number) throw UserError("unknown capability \"" + name + "\"");
    set |= uint64_t{1} << *number;
  }
  return set;
}

Process process_of(const ExecOptions& options, const Spec& spec) {
  if (!options.process_file.empty()) {
    const JsonDocument document(read_file(options.process_file), options.process_file);
    Process process = parse_process(JsonNode(document.root(), "process"));
    if (!document.root().HasMember("capabilities")) {
      process.capabilities = spec.process->capabilities;
    }
    return process;
  }
  Process process = *spec.process;
  process.args = options.args;
  process.has_terminal = options.has_terminal;
  process.console_size.reset();
  if (!options.cwd.empty()) process.cwd = options.cwd;
  process.env.insert(process.env.end(), options.env.begin(), options.env.end());
  if (!options.user.empty()) set_user(process.user, options.user);
  process.user.additional_gids.insert(process.user.additional_gids.end(),
                                      options.additional_gids.begin(),
                                      options.additional_gids.end());
  const uint64_t added = parse_capabilities(options.capabilities);
  process.capabilities.bounding |= added;
  process.capabilities.effective |= added;
  process.capabilities.permitted |= added;
  if (!options.apparmor_profile.empty()) process.apparmor_profile = options.apparmor_profile;
  if (!options.selinux_label.empty()) process.selinux_label = options.selinux_label;
  process.no_new_privileges = process.no_new_privileges || options.has_no_new_privileges;
  return process;
}

/** The first process's user namespace is not ours: entering one's own is refused by the kernel. */
bool has_other_user_namespace(pid_t pid) {
  struct stat ours = {};
  struct stat theirs = {};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/user";
  if (::stat("/proc/self/ns/user", &ours) < 0 || ::stat(path.c_str(), &theirs) < 0) {
    throw SysError(errno, "stat", path);
  }
  return ours.st_ino != theirs.st_ino;
}

struct Joining {
  Launch launch;
  UniqueFd console_socket;
  UniqueFd first_process;
  /** Its namespaces one by one, where they cannot be entered by way of the process. */
  std::vector<NamespaceJoin> joins;
  /** CLONE_NEW* that are entered by the child itself. */
  int flags = 0;
  bool has_user_namespace = false;
  Cgroup cgroup;
  /** linux.seccomp; may be null. */
  const rapidjson::Value* seccomp = nullptr;
};

void hand_over_terminal(const Joining& joining, const Channel& channel, int root_fd) {
  const Process& process = joining.launch.process;
  if (!process.has_terminal) {
    own_standard_streams(process.user);
    return;
  }
  const Terminal terminal = open_terminal(root_fd, process.console_size);
  use_terminal(terminal, process.user.uid);
  if (joining.console_socket) {
    send_fd(joining.console_socket.get(), terminal.master.get(), terminal.name);
  } else {
    channel.send(Step::kTerminal, 0, terminal.name, terminal.master.get());
  }
}

[[noreturn]] void run_joining_process(Joining& joining, const Channel& channel) {
  try {
    // The runtime's folders stay outside.
    std::vector<int> kept = {channel.fd(), joining.console_socket.get(),
                             joining.first_process.get(), log_fd()};
    for (const auto& join : joining.joins) kept.push_back(join.fd.get());
    close_all_but(std::move(kept), joining.launch);
    joining.launch.label = open_exec_label(joining.launch.process);
    const CpuAffinity& affinity = joining.launch.process.exec_affinity;
    if (!affinity.initial.empty()) set_affinity(affinity.initial);
    enter_cgroups(channel);
    reset_affinity();
    if (!affinity.final.empty()) set_affinity(affinity.final);
    start_session(joining.launch);
    std::erase_if(joining.joins,
                  [&](const NamespaceJoin& join) { return (joining.flags & join.flag) == 0; });
    join_namespaces(joining.joins);
    if (joining.first_process && joining.flags != 0 &&
        ::setns(joining.first_process.get(), joining.flags) < 0) {
      throw SysError(errno, "setns");
    }
    if (joining.has_user_namespace) become_namespace_root();
    const UniqueFd root = open_file("/", O_PATH | O_DIRECTORY);
    hand_over_terminal(joining, channel, root.get());
    const std::string program = prepare_launch(joining.launch, root.get());
    close_log();
    channel.send(Step::kReady);
    channel.expect(Step::kRecorded);
    execute(joining.launch, program, channel);
  } catch (...) {
    fail_child(channel);
  }
}

/** Ends the process that was to join when joining fails. */
class KillOnFailure {
 public:
  explicit KillOnFailure(pid_t pid) : pid_(pid) {}
  KillOnFailure(const KillOnFailure&) = delete;
  KillOnFailure& operator=(const KillOnFailure&) = delete;
  ~KillOnFailure() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  void release() { pid_ = 0; }

 private:
  pid_t pid_;
};

void require_running(Status status, bool ignores_paused) {
  if (status == Status::kStopped) throw UserError("cannot exec in a stopped container");
  if (status == Status::kCreating) {
    throw UserError("cannot exec in a container that is still being created");
  }
  if (status == Status::kPaused && !ignores_paused) {
    throw UserError("cannot exec in a paused container (use --ignore-paused to override)");
  }
}

/** A descriptor through which the namespace of that kind is entered by setns. */
int door_to(const Joining& joining, int flag) {
  for (const auto& join : joining.joins) {
    if (join.flag == flag) return join.fd.get();
  }
  return joining.first_process.get();
}

/** Needs no pidfd, see man 2 setns (Linux 5.8 enters several namespaces by one). */
void open_namespaces(const Spec& spec, const ContainerState& state, Joining& joining) {
  for (const auto& space : spec.namespaces) {
    const std::string path = "/proc/" + std::to_string(state.pid) + "/ns/";
    joining.joins.push_back({space.flag, open_file(path + namespace_file(space.flag), O_RDONLY)});
  }
}

ClonePlan plan_clone(const Spec& spec, const ContainerState& state, Joining& joining) {
  ClonePlan plan;
  for (const auto& space : spec.namespaces) joining.flags |= space.flag;
  if ((joining.flags & CLONE_NEWPID) != 0) plan.pid_ns = door_to(joining, CLONE_NEWPID);
  joining.has_user_namespace =
      (joining.flags & CLONE_NEWUSER) != 0 && has_other_user_namespace(state.pid);
  if (joining.has_user_namespace) plan.user_ns = door_to(joining, CLONE_NEWUSER);
  // A process's own pid namespace never changes, only that of its children: the parent has seen to
  // it.
  joining.flags &= ~(CLONE_NEWPID | CLONE_NEWUSER);
  return plan;
}

Joining plan_joining(const ExecOptions& options, const Spec& spec, const ContainerState& state) {
  Joining joining;
  joining.launch.process = process_of(options, spec);
  const Process& process = joining.launch.process;
  require_security_modules(process, "");
  const bool has_console = !options.console_socket.empty();
  if (process.has_terminal && options.is_detached && !has_console) {
    throw UserError("cannot allocate a tty for a detached process without a console socket");
  }
  if (!process.has_terminal && has_console) {
    throw UserError("cannot use a console socket without a tty");
  }
  joining.cgroup = state.cgroup.below(options.cgroups);
  joining.seccomp = spec.seccomp;
  joining.launch.id = options.id;
  joining.launch.preserved_fds = options.preserved_fds;
  joining.launch.personality = spec.personality;
  joining.launch.memory_policy = spec.memory_policy;
  if (spec.seccomp != nullptr) {
    joining.launch.filter = load_seccomp_filter(*spec.seccomp, options.root);
  }
  if (has_console) joining.console_socket = connect_unix(options.console_socket);
  joining.first_process = open_pidfd(state.pid);
  const bool has_no_pidfds = !joining.first_process && is_call_refused(errno);
  if (has_no_pidfds && state.is_alive()) open_namespaces(spec, state, joining);
  // Alive only now: it is its process and its namespaces that were opened.
  if ((!joining.first_process && !has_no_pidfds) || !state.is_alive()) {
    throw UserError("cannot exec in a stopped container");
  }
  return joining;
}

/** Returns the terminal, if the process has one that is ours to attend. */
UniqueFd lead_in(const ExecOptions& options, const Joining& joining, const ContainerState& state,
                 const Cloned& child, const Channel& channel) {
  const Process& process = joining.launch.process;
  const pid_t pid = child.pid;
  UniqueFd terminal;
  if (!child.is_born_in_cgroup) joining.cgroup.attach_v2_beside(pid, state.pid);
  if (process.oom_score_adj) write_oom_score(pid, *process.oom_score_adj);
  admit_to_cgroups(channel, joining.cgroup);
  if (process.has_terminal && !joining.console_socket) {
    terminal = channel.expect(Step::kTerminal).take_fd();
    copy_own_size(terminal.get());
  }
  channel.expect(Step::kReady);
  if (!options.pid_file.empty()) write_file_atomic(options.pid_file, std::to_string(pid), 0644);
  channel.send(Step::kRecorded);
  await_execve(channel, joining.seccomp, state, Status::kRunning, pid);
  return terminal;
}

}  // namespace

int exec_in_container(const ExecOptions& options) {
  const StateFolder folder = StateFolder::open(options.root, options.id);
  const ContainerState state = folder.load();
  require_running(state.status(folder.fd()), options.ignores_paused);
  const JsonDocument document(state.config, "state.json");
  const Spec spec = parse_spec(document.root());
  Joining joining = plan_joining(options, spec, state);
  raise_limits(joining.launch.process);
  if (!options.is_detached) block_signals();
  // The child is in the container's pid namespace from its first moment: it must not be looked into
  // by then.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw SysError(errno, "prctl", "PR_SET_DUMPABLE");
  ChannelPair channel = make_channel();
  ClonePlan plan = plan_clone(spec, state, joining);
  UniqueFd birth_cgroup = open_birth_cgroup(joining.cgroup);
  plan.cgroup = birth_cgroup.get();
  const Cloned child = clone_process(plan);
  if (child.pid == 0) {
    channel.runtime.close();
    reset_signals();
    run_joining_process(joining, channel.child);
  }
  channel.child.close();
  birth_cgroup.reset();
  KillOnFailure guard(child.pid);
  UniqueFd terminal;
  try {
    terminal = lead_in(options, joining, state, child, channel.runtime);
  } catch (const std::exception& error) {
    throw UserError("unable to start container process: " + channel.runtime.explain(error));
  }
  guard.release();
  log_step("the program runs");
  if (options.is_detached) return 0;
  return exit_code_of(attend(child.pid, std::move(terminal)));
}

}  // namespace ocup
