#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/process.h"
#include "runtime/channel.h"
#include "runtime/container.h"
#include "runtime/hooks.h"
#include "runtime/log.h"
#include "runtime/seccomp_listener.h"

namespace ocup {

namespace {

constexpr int kKillPatienceMs = 10000;

void run_late_hooks(const ContainerState& state, const char* kind, Status status) {
  if (state.config.find("\"hooks\"") == std::string::npos) return;
  const JsonDocument document(state.config, "state.json");
  const auto hooks = JsonNode(document.root()).find("hooks");
  if (!hooks || !hooks->find(kind)) return;
  const Spec spec = parse_spec(document.root());
  if (status == Status::kStopped) {
    run_hooks_with_warnings(spec.hooks.poststop, kind, state_json(state, status, 0, nullptr));
  } else {
    run_hooks(spec.hooks.poststart, kind, state_json(state, status, state.pid, nullptr));
  }
}

/** Kills the first process and waits until it is gone. */
void kill_first_process(const ContainerState& state) {
  const ProcessHandle process(state.pid);
  if (!process || !state.is_alive()) return;
  process.signal(SIGKILL);
  state.cgroup.thaw();
  if (!process.await_end(kKillPatienceMs)) throw UserError("container init still running");
}

void await_program(const ContainerState& state, const Channel& channel) {
  // Only a filter that notifies needs more of config.json than its text.
  if (state.config.find("SCMP_ACT_NOTIFY") == std::string::npos) {
    await_execve(channel, nullptr, state, Status::kCreated, state.pid);
    return;
  }
  const JsonDocument document(state.config, "state.json");
  try {
    await_execve(channel, parse_spec(document.root()).seccomp, state, Status::kCreated, state.pid);
  } catch (const SpecError&) {
    // Without anyone to answer it would wait for ever.
    kill_first_process(state);
    throw;
  }
}

/** Undefined when there is none, and with `is_forced` also when it is damaged. */
std::optional<ContainerState> find_state(const StateFolder& folder, bool is_forced) {
  try {
    return folder.find();
  } catch (const std::exception& error) {
    if (is_forced) return std::nullopt;
    throw UserError("the state of container " + folder.id() + " is damaged (" + error.what() +
                    "): delete --force removes it and what is left of its cgroups");
  }
}

void run_poststop(const ContainerState& state, bool is_forced) {
  try {
    run_late_hooks(state, "poststop", Status::kStopped);
  } catch (const SpecError& error) {
    if (!is_forced) throw;
    log_warning(std::string("cannot run poststop hooks: ") + error.what());
  }
}

void remove_stopped(const StateFolder& folder, const ContainerState& state, bool is_forced) {
  state.destroy_cgroups();
  if (state.is_complete) run_poststop(state, is_forced);
  folder.remove();
}

}  // namespace

void start_container(const std::string& root, const std::string& id) {
  const StateFolder folder = StateFolder::open(root, id);
  folder.lock();
  const ContainerState state = folder.load();
  switch (state.status(folder.fd())) {
    case Status::kCreated:
      break;
    case Status::kCreating:
      throw UserError("cannot start a container that is still being created");
    case Status::kStopped:
      throw UserError("cannot start a container that has stopped");
    case Status::kRunning:
    case Status::kPaused:
      throw UserError("cannot start an already running container");
  }
  const Channel channel(folder.connect_to_start());
  folder.remove_start_socket();
  await_program(state, channel);
  try {
    run_late_hooks(state, "poststart", Status::kRunning);
  } catch (const UserError&) {
    // @see runtime-spec runtime.md#lifecycle, step 9
    kill_first_process(state);
    throw;
  }
}

void delete_container(const std::string& root, const std::string& id, bool is_forced) {
  const StateFolder folder = StateFolder::open(root, id);
  folder.lock();
  const auto state = find_state(folder, is_forced);
  if (!state) {
    if (!is_forced) throw UserError("container does not exist");
    Cgroup::find_owned(folder.canonical_path()).destroy();
    folder.remove();
    return;
  }
  const Status status = state->status(folder.fd());
  if (status != Status::kStopped && status != Status::kCreated && !is_forced) {
    throw UserError("cannot delete container " + id +
                    " that is not stopped: " + status_name(status));
  }
  if (status != Status::kStopped) kill_first_process(*state);
  remove_stopped(folder, *state, is_forced);
}

void delete_stopped(const StateFolder& folder, const ContainerState& state) {
  folder.lock();
  remove_stopped(folder, state, true);
}

void kill_container(const std::string& root, const std::string& id, int signal_number,
                    bool to_all) {
  const StateFolder folder = StateFolder::open(root, id);
  const ContainerState state = folder.load();
  if (to_all) {
    state.cgroup.signal_all(signal_number);
    return;
  }
  const ProcessHandle process(state.pid);
  // Looked at with the handle in hand: from now on it cannot be another process's.
  if (!process || state.status(folder.fd()) == Status::kStopped) {
    throw UserError("container not running");
  }
  const int error = process.signal(signal_number);
  if (error == ESRCH) throw UserError("container not running");
  if (error != 0) throw SysError(error, "kill");
  if (signal_number == SIGKILL) state.cgroup.thaw();
}

}  // namespace ocup
