#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "runtime/cgroup.h"
#include "runtime/systemd_unit.h"

namespace ocup {

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };

const char* status_name(Status status);

/** What is kept about a container, in `<root>/<id>/state.json`. */
struct ContainerState {
  std::string id;
  std::string oci_version;
  std::string bundle;
  std::string rootfs;
  std::string created;
  std::vector<std::pair<std::string, std::string>> annotations;
  /** 0 until the first process is there. With the start time it is never another process's. */
  pid_t pid = 0;
  uint64_t start_time = 0;
  /** The container was made by `create` or `run` completely. */
  bool is_complete = false;
  Cgroup cgroup;
  SystemdUnit unit;
  /** config.json as it was when the container was made. */
  std::string config;

  /** Asks the kernel: is the first process there, frozen, still waiting for `start`? */
  Status status(int folder_fd) const;
  bool is_alive() const;
  /** Ends what is left in the cgroups and takes them away, and the unit. Idempotent. Throws. */
  void destroy_cgroups() const;
};

/** Reads state.json; `name` names it in errors. Throws SpecError. */
ContainerState parse_state(std::string text, const std::string& name);

/** The specification's state, as hooks get it and `state` prints it, with runc's members beside
 * them. */
std::string state_json(const ContainerState& state, Status status, pid_t pid,
                       const std::string* owner);

/** `<root>/<id>`, mode 0700. */
class StateFolder {
 public:
  /** Makes it. Throws UserError when the id is not valid or taken. */
  static StateFolder create(const std::string& root, const std::string& id);
  /** Throws UserError "container does not exist". */
  static StateFolder open(const std::string& root, const std::string& id);
  static std::vector<std::string> list(const std::string& root);

  int fd() const { return fd_.get(); }
  const std::string& id() const { return id_; }
  /** Where it is, whatever way led there. */
  std::string canonical_path() const;

  /** Keeps other commands that change the container away until this object goes. */
  void lock() const;
  /** Needed where a child holds the same descriptor: the lock would last as long as the child. */
  void unlock() const;
  void save(const ContainerState& state) const;
  /** The halves of `save`: what was prepared is seen by nobody before it is published. */
  void prepare(const ContainerState& state) const;
  void publish() const;
  /** Undefined when the creator died before it wrote anything. Throws SpecError when it is damaged.
   */
  std::optional<ContainerState> find() const;
  ContainerState load() const;
  void remove() const;

  /** The socket on which the first process waits for `start`. */
  UniqueFd listen_for_start() const;
  /** Throws UserError when nobody waits there. */
  UniqueFd connect_to_start() const;
  void remove_start_socket() const;

 private:
  StateFolder(std::string path, std::string id, UniqueFd fd)
      : path_(std::move(path)), id_(std::move(id)), fd_(std::move(fd)) {}

  std::string path_;
  std::string id_;
  UniqueFd fd_;
};

}  // namespace ocup
