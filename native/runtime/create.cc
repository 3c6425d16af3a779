#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "runtime/cgroup_entry.h"
#include "runtime/clone_process.h"
#include "runtime/container.h"
#include "runtime/first_process.h"
#include "runtime/hooks.h"
#include "runtime/identity.h"
#include "runtime/log.h"
#include "runtime/net_devices.h"
#include "runtime/outer_mounts.h"
#include "runtime/seccomp_listener.h"
#include "runtime/terminal.h"

namespace ocup {

namespace {

std::string absolute_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
  if (!real) throw SysError(errno, "stat", path);
  return real.get();
}

std::string rootfs_path(const std::string& bundle, const Spec& spec) {
  const std::string path =
      spec.root_path.starts_with("/") ? spec.root_path : bundle + "/" + spec.root_path;
  struct stat stat = {};
  const std::string real = absolute_path(path);
  if (::stat(real.c_str(), &stat) < 0) throw SysError(errno, "stat", path);
  if (!S_ISDIR(stat.st_mode)) throw SysError(ENOTDIR, "open", path);
  return real;
}

/** A container while it is being made: what was begun is undone unless it is told to stay. */
class Creation {
 public:
  Creation(const CreateOptions& options, bool waits_for_start)
      : options_(options),
        waits_for_start_(waits_for_start),
        bundle_(absolute_path(options.bundle)),
        config_(read_file(bundle_ + "/config.json")),
        document_(config_, "config.json"),
        spec_(parse_spec(document_.root())),
        folder_(open_folder()) {}

  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  ~Creation() {
    if (!is_undone_by_us_) return;
    try {
      undo();
    } catch (const std::exception& error) {
      log_warning(std::string("cannot clean up: ") + error.what());
    }
  }

  /** Up to the first process being ready and recorded. */
  void make() {
    begin_record();
    ChannelPair channel = make_channel();
    start(channel);
    try {
      lead_in(channel.runtime);
    } catch (const std::exception& error) {
      throw UserError("unable to start container process: " + channel.runtime.explain(error));
    }
  }

  /** From now on the container is left alone. */
  void release() {
    is_undone_by_us_ = false;
    net_devices_.release();
    folder_.unlock();
  }

  pid_t pid() const { return state_.pid; }
  UniqueFd take_terminal() { return std::move(terminal_); }
  const Spec& spec() const { return spec_; }
  const ContainerState& state() const { return state_; }
  const StateFolder& folder() const { return folder_; }

 private:
  void lead_in(const Channel& channel) {
    const pid_t pid = state_.pid;
    if (spec_.makes_namespace(CLONE_NEWUSER)) {
      write_id_maps(pid, spec_.uid_mappings, spec_.gid_mappings);
      channel.send(Step::kIdsMapped);
    }
    const Process& process = *spec_.process;
    if (process.oom_score_adj) write_oom_score(pid, *process.oom_score_adj);
    net_devices_.move(spec_.net_devices, network_path(pid));
    make_cgroups(pid);
    admit_to_cgroups(channel, state_.cgroup);
    // Written while the first process builds its root.
    state_.is_complete = true;
    folder_.prepare(state_);
    run_runtime_hooks(channel);
    await_ready(channel);
    folder_.publish();
    if (!options_.pid_file.empty()) write_file_atomic(options_.pid_file, std::to_string(pid), 0644);
    channel.send(Step::kRecorded);
    log_step("recorded the container");
    if (waits_for_start_) return;
    await_execve(channel, spec_.seccomp, state_, Status::kCreating, pid);
    log_step("the program runs");
  }

  std::string network_path(pid_t pid) const {
    for (const auto& space : spec_.namespaces) {
      if (space.flag == CLONE_NEWNET && !space.path.empty()) return space.path;
    }
    return "/proc/" + std::to_string(pid) + "/ns/net";
  }

  StateFolder open_folder() {
    if (!spec_.process) throw SpecError("process", "is missing");
    const bool has_console = !options_.console_socket.empty();
    const bool is_detached = waits_for_start_ || options_.is_detached;
    if (spec_.process->has_terminal && is_detached && !has_console) {
      throw UserError("cannot allocate a tty for a detached process without a console socket");
    }
    if (!spec_.process->has_terminal && has_console) {
      throw UserError("cannot use a console socket without a tty");
    }
    state_.rootfs = rootfs_path(bundle_, spec_);
    return StateFolder::create(options_.root, options_.id);
  }

  void begin_record() {
    folder_.lock();
    state_.id = options_.id;
    state_.oci_version = spec_.oci_version;
    state_.bundle = bundle_;
    state_.created = utc_time(true);
    state_.annotations = spec_.annotations;
    const Cgroup cgroup = plan_cgroup();
    cgroup.require_unused();
    state_.cgroup = cgroup;
    // Before the first folder is made: whoever cleans up after us has to know where to look.
    folder_.save(state_);
    state_.config = std::move(config_);
    log_step("began the record");
  }

  Cgroup plan_cgroup() {
    const std::vector<Hierarchy> hierarchies = find_hierarchies();
    if (options_.uses_systemd) {
      state_.unit = parse_systemd_unit(spec_.cgroups_path, options_.id, options_.is_rootless);
      return Cgroup(hierarchies, cgroup_path_of(state_.unit));
    }
    if (!spec_.cgroups_path.empty()) return Cgroup(hierarchies, spec_.cgroups_path);
    // Who is not root may make cgroups beside its own at best: version 2 allows none with
    // controllers below one that has processes.
    return Cgroup(hierarchies, options_.is_rootless ? "../" + options_.id : "/" + options_.id);
  }

  FirstProcess plan_first() {
    FirstProcess first = {spec_, state_, {}, {}, {}, {}, {}};
    require_security_modules(*spec_.process, spec_.mount_label);
    first.outer_mounts = make_outer_mounts(spec_, bundle_);
    first.uses_pivot_root = options_.uses_pivot_root;
    first.launch.process = *spec_.process;
    first.launch.id = options_.id;
    first.launch.has_new_keyring = options_.has_new_keyring;
    first.launch.preserved_fds = options_.preserved_fds;
    first.launch.personality = spec_.personality;
    first.launch.memory_policy = spec_.memory_policy;
    if (spec_.seccomp != nullptr) {
      first.launch.filter = load_seccomp_filter(*spec_.seccomp, options_.root);
    }
    for (const auto& space : spec_.namespaces) {
      if (!space.path.empty()) first.joins.push_back({space.flag, open_file(space.path, O_RDONLY)});
    }
    if (waits_for_start_) first.start_socket = folder_.listen_for_start();
    if (!options_.console_socket.empty())
      first.console_socket = connect_unix(options_.console_socket);
    raise_limits(first.launch.process);
    log_step("planned the first process");
    return first;
  }

  void start(ChannelPair& channel) {
    // Its descriptors are the child's: here they close when this function ends.
    FirstProcess first = plan_first();
    ClonePlan plan;
    for (const auto& space : spec_.namespaces) {
      if (space.path.empty() && space.flag == kTimeNamespace) plan.has_new_time_ns = true;
      // The cgroup namespace is made by the process itself, when it is in its cgroups.
      const bool is_late = space.flag == kTimeNamespace || space.flag == CLONE_NEWCGROUP;
      if (space.path.empty() && !is_late) plan.flags |= static_cast<uint64_t>(space.flag);
    }
    plan.time_offsets = &spec_.time_offsets;
    for (auto& join : first.joins) {
      if (join.flag == CLONE_NEWUSER) plan.user_ns = join.fd.get();
      if (join.flag == CLONE_NEWPID) plan.pid_ns = join.fd.get();
    }
    // In a pid namespace that others live in, the child can be looked into from its first moment.
    if (plan.pid_ns >= 0 && plan.user_ns < 0 && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
      throw SysError(errno, "prctl", "PR_SET_DUMPABLE");
    }
    // The rest of them are made while the first process builds its root.
    UniqueFd birth_cgroup;
    if (state_.unit.is_none()) {
      state_.cgroup.create_v2(options_.is_rootless);
      birth_cgroup = open_birth_cgroup(state_.cgroup);
      plan.cgroup = birth_cgroup.get();
    }
    const auto [pid, is_born_in_cgroup] = clone_process(plan);
    if (pid == 0) {
      is_undone_by_us_ = false;
      net_devices_.release();
      channel.runtime.close();
      std::erase_if(first.joins, [](const NamespaceJoin& join) {
        return join.flag == CLONE_NEWUSER || join.flag == CLONE_NEWPID;
      });
      reset_signals();
      run_first_process(first, channel.child);
    }
    channel.child.close();
    state_.pid = pid;
    is_born_in_cgroup_ = is_born_in_cgroup;
    const auto process = find_process(pid);
    if (!process) throw UserError("the container's first process ended at once");
    state_.start_time = process->start_time;
    log_step("made the first process");
  }

  void make_cgroups(pid_t pid) {
    if (!state_.unit.is_none()) {
      start_systemd_unit(state_.unit, pid, options_.id, spec_, state_.cgroup.is_unified());
      // There by now, unless systemd keeps to version 1.
      state_.cgroup.create_v2(options_.is_rootless);
    }
    state_.cgroup.create_v1(options_.is_rootless);
    if (!is_born_in_cgroup_) state_.cgroup.attach_v2(pid);
    state_.cgroup.note_owner(folder_.canonical_path());
    state_.cgroup.apply(spec_.resources);
    if (!options_.is_rootless) {
      state_.cgroup.apply_devices(with_default_devices(spec_.resources.devices));
    }
    hand_over_cgroup(state_.cgroup, spec_);
    log_step("made the cgroups");
  }

  void run_runtime_hooks(const Channel& channel) {
    const Hooks& hooks = spec_.hooks;
    if (hooks.prestart.empty() && hooks.create_runtime.empty()) return;
    channel.expect(Step::kNamespacesReady);
    const std::string state = state_json(state_, Status::kCreating, state_.pid, nullptr);
    run_hooks(hooks.prestart, "prestart", state);
    run_hooks(hooks.create_runtime, "createRuntime", state);
    channel.send(Step::kHooksRun);
  }

  void await_ready(const Channel& channel) {
    if (spec_.process->has_terminal && options_.console_socket.empty()) {
      terminal_ = channel.expect(Step::kTerminal).take_fd();
      // Before the program runs, which asks for it perhaps only once.
      copy_own_size(terminal_.get());
    }
    channel.expect(Step::kReady);
  }

  void undo() {
    if (state_.pid != 0) {
      ::kill(state_.pid, SIGKILL);
      ::waitpid(state_.pid, nullptr, 0);
    }
    state_.destroy_cgroups();
    if (state_.pid != 0) {
      // @see runtime-spec runtime.md#lifecycle: what fails goes on with step 12 and 13.
      run_hooks_with_warnings(spec_.hooks.poststop, "poststop",
                              state_json(state_, Status::kStopped, 0, nullptr));
    }
    folder_.remove();
  }

  const CreateOptions& options_;
  bool waits_for_start_;
  std::string bundle_;
  std::string config_;
  JsonDocument document_;
  Spec spec_;
  ContainerState state_;
  StateFolder folder_;
  UniqueFd terminal_;
  bool is_born_in_cgroup_ = false;
  NetDevices net_devices_;
  bool is_undone_by_us_ = true;
};

}  // namespace

void create_container(const CreateOptions& options) {
  Creation creation(options, true);
  creation.make();
  creation.release();
}

int run_container(const CreateOptions& options) {
  if (!options.is_detached) {
    block_signals();
    if (options.is_subreaper) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }
  Creation creation(options, false);
  creation.make();
  const std::string state = state_json(creation.state(), Status::kRunning, creation.pid(), nullptr);
  run_hooks(creation.spec().hooks.poststart, "poststart", state);
  creation.release();
  if (options.is_detached) return 0;
  const int status = attend(creation.pid(), creation.take_terminal());
  log_step("the program ended");
  if (!options.keeps_state) delete_stopped(creation.folder(), creation.state());
  log_step("deleted the container");
  return exit_code_of(status);
}

}  // namespace ocup
