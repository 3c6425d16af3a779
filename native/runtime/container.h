#pragma once

#include <string>

#include "runtime/state.h"

namespace ocup {

/** What `create` and `run` are asked for. */
struct CreateOptions {
  std::string root;
  std::string id;
  std::string bundle = ".";
  std::string pid_file;
  std::string console_socket;
  bool uses_pivot_root = true;
  bool has_new_keyring = true;
  unsigned preserved_fds = 0;
  bool is_rootless = false;
  bool uses_systemd = false;
  /** run only. */
  bool is_detached = false;
  bool keeps_state = false;
  bool is_subreaper = true;
};

/** Makes a container whose first process waits for `start`. A failure leaves nothing behind. */
void create_container(const CreateOptions& options);

/** create, start, wait and delete in one. Returns the exit code; 0 when detached. */
int run_container(const CreateOptions& options);

void start_container(const std::string& root, const std::string& id);

/** Removes a stopped container; with `is_forced` a living one as well, and what a killed `create`
 * left. */
void delete_container(const std::string& root, const std::string& id, bool is_forced);

/** `delete --force` for who made the container and saw its end. Throws when it is removed already. */
void delete_stopped(const StateFolder& folder, const ContainerState& state);

/** Sends a signal to the first process, or to every process with `to_all`. */
void kill_container(const std::string& root, const std::string& id, int signal_number, bool to_all);

struct ExecOptions {
  std::string root;
  std::string id;
  std::string process_file;
  std::vector<std::string> args;
  std::string cwd;
  std::vector<std::string> env;
  std::string user;
  std::vector<gid_t> additional_gids;
  std::vector<std::string> capabilities;
  std::string apparmor_profile;
  std::string selinux_label;
  /** `[CONTROLLERS:]PATH` below the container's cgroup. */
  std::vector<std::string> cgroups;
  bool has_terminal = false;
  bool is_detached = false;
  bool has_no_new_privileges = false;
  bool ignores_paused = false;
  std::string pid_file;
  std::string console_socket;
  unsigned preserved_fds = 0;
};

/** Runs another process in a container. Returns its exit code; 0 when detached. */
int exec_in_container(const ExecOptions& options);

}  // namespace ocup
