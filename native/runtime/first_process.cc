#include "runtime/first_process.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/own_pages.h"
#include "runtime/cgroup_entry.h"
#include "runtime/hooks.h"
#include "runtime/identity.h"
#include "runtime/log.h"
#include "runtime/rootfs.h"
#include "runtime/terminal.h"

namespace ocup {

namespace {

void bring_up_loopback() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) throw SysError(errno, "socket");
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) < 0) throw SysError(errno, "ioctl", "SIOCGIFFLAGS");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) < 0) throw SysError(errno, "ioctl", "SIOCSIFFLAGS");
}

void name_host(const Spec& spec) {
  if (!spec.hostname.empty() && ::sethostname(spec.hostname.data(), spec.hostname.size()) < 0) {
    throw SysError(errno, "sethostname", spec.hostname);
  }
  if (!spec.domainname.empty() &&
      ::setdomainname(spec.domainname.data(), spec.domainname.size()) < 0) {
    throw SysError(errno, "setdomainname", spec.domainname);
  }
}

class Setup {
 public:
  Setup(FirstProcess& first, const Channel& channel)
      : first_(first),
        spec_(first.spec),
        channel_(channel),
        rootfs_({first.spec, first.state.bundle, first.state.rootfs,
                 [this]() -> const Cgroup& { return wait_for_cgroup(); }, first.outer_mounts}) {}

  /** Returns the program to execute. */
  std::string run() {
    enter_namespaces();
    build_root();
    run_runtime_hooks();
    run_hooks(spec_.hooks.create_container, "createContainer", hook_state(Status::kCreating));
    Terminal terminal = make_terminal();
    rootfs_.protect();
    wait_for_cgroup();
    rootfs_.enter(first_.uses_pivot_root);
    log_step("entered the root");
    hand_over(terminal);
    const UniqueFd root = open_file("/", O_PATH | O_DIRECTORY);
    return prepare_launch(first_.launch, root.get());
  }

  std::string hook_state(Status status) const {
    return state_json(first_.state, status, ::getpid(), nullptr);
  }

 private:
  void enter_namespaces() {
    if (spec_.makes_namespace(CLONE_NEWUSER)) channel_.expect(Step::kIdsMapped);
    if (spec_.has_namespace(CLONE_NEWUSER)) become_namespace_root();
    // From here on we are half inside: nobody in there may look into us or use what we hold open.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw SysError(errno, "prctl", "PR_SET_DUMPABLE");
    start_session(first_.launch);
    join_namespaces(first_.joins);
    if (spec_.makes_namespace(CLONE_NEWNET)) bring_up_loopback();
    name_host(spec_);
    log_step("entered the namespaces");
  }

  void build_root() {
    ::umask(0);
    rootfs_.prepare();
    rootfs_.mount_all();
    rootfs_.make_devices();
    rootfs_.write_sysctls();
    rootfs_.make_cwd(first_.launch.process.cwd);
    log_step("built the root");
  }

  const Cgroup& wait_for_cgroup() {
    if (!is_in_cgroup_) {
      enter_cgroups(channel_);
      is_in_cgroup_ = true;
      reset_affinity();
      // Only now: the root of the new namespace is the cgroup that this process is in.
      if (spec_.makes_namespace(CLONE_NEWCGROUP) && ::unshare(CLONE_NEWCGROUP) < 0) {
        throw SysError(errno, "unshare", "cgroup namespace");
      }
      log_step("entered the cgroups");
    }
    return first_.state.cgroup;
  }

  void run_runtime_hooks() {
    if (spec_.hooks.prestart.empty() && spec_.hooks.create_runtime.empty()) return;
    wait_for_cgroup();
    channel_.send(Step::kNamespacesReady);
    channel_.expect(Step::kHooksRun);
  }

  Terminal make_terminal() {
    const Process& process = first_.launch.process;
    if (!process.has_terminal) return {};
    Terminal terminal = open_terminal(rootfs_.fd(), process.console_size);
    bind_console(rootfs_.fd(), terminal);
    return terminal;
  }

  void hand_over(const Terminal& terminal) {
    const Process& process = first_.launch.process;
    if (!process.has_terminal) {
      own_standard_streams(process.user);
      return;
    }
    use_terminal(terminal, process.user.uid);
    if (first_.console_socket) {
      send_fd(first_.console_socket.get(), terminal.master.get(), terminal.name);
    } else {
      channel_.send(Step::kTerminal, 0, terminal.name, terminal.master.get());
    }
  }

  FirstProcess& first_;
  const Spec& spec_;
  const Channel& channel_;
  bool is_in_cgroup_ = false;
  Rootfs rootfs_;
};

/** What the runtime holds open is not ours: its folders, and the other end of the talk. */
void close_unneeded(const FirstProcess& first, const Channel& channel) {
  std::vector<int> kept = {channel.fd(), first.start_socket.get(), first.console_socket.get(),
                           log_fd()};
  for (const auto& join : first.joins) kept.push_back(join.fd.get());
  for (const auto& mount : first.outer_mounts) kept.push_back(mount.copy.get());
  close_all_but(std::move(kept), first.launch);
}

/** Waits for `start`, which then hears of anything that goes wrong. */
Channel wait_for_start(const UniqueFd& socket) {
  UniqueFd caller(static_cast<int>(
      retry_interrupted([&] { return ::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC); })));
  if (!caller) throw SysError(errno, "accept");
  return Channel(std::move(caller));
}

}  // namespace

void run_first_process(FirstProcess& first, Channel& channel) {
  try {
    map_own_program();
    close_unneeded(first, channel);
    first.launch.label = open_exec_label(first.launch.process);
    Setup setup(first, channel);
    const std::string program = setup.run();
    // INVARIANT: who waits for `start` inside holds nothing of the host but the way it will hear of
    // it.
    close_log();
    close_all_but({channel.fd(), first.start_socket.get()}, first.launch);
    channel.send(Step::kReady);
    channel.expect(Step::kRecorded);
    if (first.start_socket) {
      channel.close();
      channel = wait_for_start(first.start_socket);
    }
    run_hooks(first.spec.hooks.start_container, "startContainer",
              setup.hook_state(Status::kCreated));
    execute(first.launch, program, channel);
  } catch (...) {
    fail_child(channel);
  }
}

}  // namespace ocup
