#include "runtime/commands.h"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/own_pages.h"
#include "base/process.h"
#include "runtime/container.h"

namespace ocup {

namespace {

constexpr size_t kAnyNumber = static_cast<size_t>(-1);

unsigned parse_count(const std::string& text) {
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count > 1u << 16) {
    throw UserError("invalid value \"" + text + "\" for flag --preserve-fds");
  }
  return count;
}

/** systemd hands sockets over from descriptor 3 on: they come before those that are to be kept. */
unsigned preserved_fds(const Arguments& arguments) {
  const unsigned asked = parse_count(arguments.value("preserve-fds", "0"));
  const char* listen_fds = ::getenv("LISTEN_FDS");
  return asked + (listen_fds != nullptr ? parse_count(listen_fds) : 0);
}

CreateOptions create_options(const GlobalOptions& global, const Arguments& arguments) {
  CreateOptions options;
  options.root = global.root;
  options.is_rootless = global.is_rootless;
  options.uses_systemd = global.uses_systemd;
  options.id = arguments.rest()[0];
  options.bundle = arguments.value("bundle", ".");
  options.pid_file = arguments.value("pid-file");
  options.console_socket = arguments.value("console-socket");
  options.uses_pivot_root = !arguments.has("no-pivot");
  options.has_new_keyring = !arguments.has("no-new-keyring");
  options.preserved_fds = preserved_fds(arguments);
  return options;
}

/** What `create` and `run` take for a config.json of the usual size; `exec` takes half. */
constexpr size_t kContainerHeapBytes = 152u << 10;

int run_create(const GlobalOptions& global, const Arguments& arguments) {
  reserve_heap(kContainerHeapBytes);
  create_container(create_options(global, arguments));
  return 0;
}

int run_run(const GlobalOptions& global, const Arguments& arguments) {
  reserve_heap(kContainerHeapBytes);
  CreateOptions options = create_options(global, arguments);
  options.is_detached = arguments.has("detach");
  options.keeps_state = arguments.has("keep");
  options.is_subreaper = !arguments.has("no-subreaper");
  return run_container(options);
}

int run_start(const GlobalOptions& global, const Arguments& arguments) {
  start_container(global.root, arguments.rest()[0]);
  return 0;
}

int run_delete(const GlobalOptions& global, const Arguments& arguments) {
  const bool is_forced = arguments.has("force");
  try {
    delete_container(global.root, arguments.rest()[0], is_forced);
  } catch (const UserError& error) {
    // What is not there is deleted, for whoever insists.
    if (!is_forced || std::string_view(error.what()) != "container does not exist") throw;
  }
  return 0;
}

int run_kill(const GlobalOptions& global, const Arguments& arguments) {
  const std::string name = arguments.rest().size() > 1 ? arguments.rest()[1] : "SIGTERM";
  const auto number = parse_signal(name);
  if (!number) throw UserError("unknown signal \"" + name + "\"");
  kill_container(global.root, arguments.rest()[0], *number, arguments.has("all"));
  return 0;
}

int run_exec(const GlobalOptions& global, const Arguments& arguments) {
  reserve_heap(kContainerHeapBytes / 2);
  ExecOptions options;
  options.root = global.root;
  options.id = arguments.rest()[0];
  options.process_file = arguments.value("process");
  options.args.assign(arguments.rest().begin() + 1, arguments.rest().end());
  if (options.process_file.empty() && options.args.empty()) {
    throw UserError("process args cannot be empty");
  }
  options.cwd = arguments.value("cwd");
  if (!options.cwd.empty() && options.cwd[0] != '/')
    throw UserError("--cwd must be an absolute path");
  options.env = arguments.values("env");
  options.user = arguments.value("user");
  for (const auto& group : arguments.values("additional-gids")) {
    gid_t gid = 0;
    const auto [end, error] = std::from_chars(group.data(), group.data() + group.size(), gid);
    if (error != std::errc() || end != group.data() + group.size()) {
      throw UserError("invalid value \"" + group + "\" for flag --additional-gids");
    }
    options.additional_gids.push_back(gid);
  }
  options.capabilities = arguments.values("cap");
  options.apparmor_profile = arguments.value("apparmor");
  options.selinux_label = arguments.value("process-label");
  options.cgroups = arguments.values("cgroup");
  options.has_terminal = arguments.has("tty");
  options.is_detached = arguments.has("detach");
  options.has_no_new_privileges = arguments.has("no-new-privs");
  options.ignores_paused = arguments.has("ignore-paused");
  options.pid_file = arguments.value("pid-file");
  options.console_socket = arguments.value("console-socket");
  options.preserved_fds = preserved_fds(arguments);
  return exec_in_container(options);
}

int run_pause(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  folder.lock();
  const ContainerState state = folder.load();
  const Status status = state.status(folder.fd());
  if (status != Status::kRunning && status != Status::kCreated) {
    throw UserError("container not running or created: " + std::string(status_name(status)));
  }
  state.cgroup.freeze();
  return 0;
}

int run_resume(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  folder.lock();
  const ContainerState state = folder.load();
  if (state.status(folder.fd()) != Status::kPaused) throw UserError("container not paused");
  state.cgroup.thaw();
  return 0;
}

int refuse_checkpoints(const GlobalOptions&, const Arguments&) {
  throw UserError("checkpoint and restore are not supported");
}

std::vector<Option> with(std::vector<Option> options, const std::vector<Option>& more) {
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

const std::vector<Option> kCreateOptions = {
    {"bundle", 'b', true}, {"console-socket", 0, true}, {"pid-file", 0, true},
    {"no-pivot"},          {"no-new-keyring"},          {"preserve-fds", 0, true},
};

const std::vector<Option> kExecOptions = {
    {"console-socket", 0, true}, {"cwd", 0, true},
    {"env", 'e', true},          {"tty", 't'},
    {"user", 'u', true},         {"additional-gids", 'g', true},
    {"process", 'p', true},      {"detach", 'd'},
    {"pid-file", 0, true},       {"no-new-privs"},
    {"cap", 'c', true},          {"preserve-fds", 0, true},
    {"ignore-paused"},           {"apparmor", 0, true},
    {"process-label", 0, true},  {"cgroup", 0, true},
};

const std::vector<Option> kUpdateOptions = {
    {"resources", 'r', true},        {"blkio-weight", 0, true},      {"cpu-period", 0, true},
    {"cpu-quota", 0, true},          {"cpu-burst", 0, true},         {"cpu-share", 0, true},
    {"cpu-rt-period", 0, true},      {"cpu-rt-runtime", 0, true},    {"cpu-idle", 0, true},
    {"cpuset-cpus", 0, true},        {"cpuset-mems", 0, true},       {"memory", 0, true},
    {"memory-reservation", 0, true}, {"memory-swap", 0, true},       {"pids-limit", 0, true},
    {"kernel-memory", 0, true},      {"kernel-memory-tcp", 0, true}, {"l3-cache-schema", 0, true},
    {"mem-bw-schema", 0, true},
};

// Known, so that whoever asks hears of checkpoints and not of a flag.
const std::vector<Option> kCheckpointOptions = {
    {"image-path", 0, true},
    {"work-path", 0, true},
    {"parent-path", 0, true},
    {"leave-running"},
    {"tcp-established"},
    {"tcp-skip-in-flight"},
    {"link-remap"},
    {"ext-unix-sk"},
    {"shell-job"},
    {"lazy-pages"},
    {"status-fd", 0, true},
    {"page-server", 0, true},
    {"file-locks"},
    {"pre-dump"},
    {"manage-cgroups-mode", 0, true},
    {"empty-ns", 0, true},
    {"auto-dedup"},
    {"console-socket", 0, true},
    {"bundle", 'b', true},
    {"detach", 'd'},
    {"pid-file", 0, true},
    {"no-subreaper"},
    {"no-pivot"},
    {"lsm-profile", 0, true},
    {"lsm-mount-context", 0, true},
};

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"create", "ID", kCreateOptions, 1, 1, true, run_create},
      {"start", "ID", {}, 1, 1, true, run_start},
      {"run", "ID", with(kCreateOptions, {{"detach", 'd'}, {"keep"}, {"no-subreaper"}}), 1, 1, true,
       run_run},
      {"exec", "ID COMMAND [ARGUMENT...]", kExecOptions, 1, kAnyNumber, false, run_exec},
      {"state", "ID", {}, 1, 1, true, run_state},
      {"kill", "ID [SIGNAL]", {{"all", 'a'}}, 1, 2, true, run_kill},
      {"delete", "ID", {{"force", 'f'}}, 1, 1, true, run_delete},
      {"list", "", {{"format", 'f', true}, {"quiet", 'q'}}, 0, 0, true, run_list},
      {"ps", "ID [ARGUMENT...]", {{"format", 'f', true}}, 1, kAnyNumber, false, run_ps},
      {"pause", "ID", {}, 1, 1, true, run_pause},
      {"resume", "ID", {}, 1, 1, true, run_resume},
      {"update", "ID", kUpdateOptions, 1, 1, true, run_update},
      {"events", "ID", {{"interval", 0, true}, {"stats"}}, 1, 1, true, run_events},
      {"spec", "", {{"bundle", 'b', true}, {"rootless"}}, 0, 0, true, run_spec},
      {"features", "", {}, 0, 0, true, run_features},
      {"checkpoint", "ID", kCheckpointOptions, 0, kAnyNumber, true, refuse_checkpoints},
      {"restore", "ID", kCheckpointOptions, 0, kAnyNumber, true, refuse_checkpoints},
  };
  return table;
}

std::string user_name(uid_t uid, std::string_view unknown) {
  // Not getpwuid, which would load shared libraries into this static program.
  FILE* file = ::fopen("/etc/passwd", "re");
  std::string name(unknown);
  while (const passwd* entry = file == nullptr ? nullptr : ::fgetpwent(file)) {
    if (entry->pw_uid != uid) continue;
    name = entry->pw_name;
    break;
  }
  if (file != nullptr) ::fclose(file);
  return name;
}

void print(std::string_view text) { write_all(STDOUT_FILENO, text, "standard output"); }

}  // namespace ocup
