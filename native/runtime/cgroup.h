#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/spec.h"

namespace ocup {

/** One mounted cgroup hierarchy of this machine. */
struct Hierarchy {
  /** As `/proc/self/cgroup` names it: `memory`, `cpu,cpuacct`, `name=systemd`; empty for version 2.
   */
  std::string controllers;
  /** Where it is mounted. */
  std::string mount;
  /** The cgroup this process is in. */
  std::string own_path;
  bool is_v2;
};

/** All mounted hierarchies: only version 1, only version 2, or both (hybrid). Throws SysError. */
std::vector<Hierarchy> find_hierarchies();

/** A container's folder in one hierarchy. */
struct CgroupFolder {
  std::string controllers;
  std::string mount;
  /** Below the mount, with a slash in front. */
  std::string path;
  bool is_v2;
  /** The cgroup of the runtime itself there, where that is known. */
  std::string own_path;

  std::string folder() const { return path == "/" ? mount : mount + path; }
  bool has(std::string_view controller) const;
};

/**
 * The control groups of one container, in every hierarchy of the machine: version 1, 2 and hybrid
 * behind one interface. The life cycle is create, attach, apply, …, destroy. All but destroy throw
 * SysError.
 */
class Cgroup {
 public:
  Cgroup() = default;
  /** `path` absolute: below the root of each hierarchy; relative: below the cgroup this process is
   * in. */
  Cgroup(const std::vector<Hierarchy>& hierarchies, const std::string& path);
  explicit Cgroup(const JsonNode& record);

  /**
   * The same with other folders: each of `paths` is `[CONTROLLERS:]PATH` below the container's own,
   * as `exec --cgroup` takes it. Throws UserError.
   */
  Cgroup below(const std::vector<std::string>& paths) const;

  /**
   * INVARIANT: what `destroy` kills was put there by the container. Throws UserError when there are
   * processes in the folders already, SpecError when the path is not one of the container's own.
   */
  void require_unused() const;

  /**
   * Makes the folders. The last one has to be new or empty of processes.
   * `may_fail` (no root privileges): what cannot be made is left out.
   */
  void create_v1(bool may_fail);
  void create_v2(bool may_fail);
  /** Moves a process into the cgroup of version 2; see cgroup_entry.h for a faster way. */
  void attach_v2(pid_t pid) const;
  /** The same for one more process beside `neighbour`, which may have moved below the container's
   * own cgroup. */
  void attach_v2_beside(pid_t pid, pid_t neighbour) const;
  void apply(const Resources& resources) const;
  /** Denies every device that `rules` do not allow. */
  void apply_devices(const std::vector<DeviceRule>& rules) const;

  void freeze() const;
  void thaw() const;
  bool is_frozen() const;
  /** Every process in it and below it. */
  std::vector<pid_t> processes() const;
  void signal_all(int signal_number) const;

  /**
   * Kills what is still inside, removes the folders and those parents that a `create` made and that
   * are empty now. Idempotent. Throws SysError when something stays behind.
   */
  void destroy() const;

  /** Notes on each folder whose it is: `owner` is the canonical path of the container's state
   * folder. */
  void note_owner(const std::string& owner) const;
  /** What `note_owner` was called for, wherever it is: for a container whose record is lost. */
  static Cgroup find_owned(const std::string& owner);

  void write_record(JsonWriter& writer) const;
  const std::vector<CgroupFolder>& folders() const { return folders_; }
  /** The folder of that version 1 controller; null when there is none. */
  const CgroupFolder* find(std::string_view controller) const;
  /** Whether the machine has version 2 alone, which then holds the limits. */
  bool is_unified() const { return folders_.size() == 1 && folders_[0].is_v2 && !is_hybrid_; }
  const CgroupFolder* find_v2() const;

 private:
  void create(bool is_v2, bool may_fail);

  std::vector<CgroupFolder> folders_;
  /** There is a version 1 beside version 2, even if the container has no folder in it. */
  bool is_hybrid_ = false;
};

/** Makes the folder and its parents, which are marked as ours. Throws SysError. */
void make_cgroup_folder(const CgroupFolder& folder);
/** Throws UserError when a limit is asked for that nothing here can keep. */
void require_controllers(const Cgroup& cgroup, const Resources& resources);
/** Throws UserError when memory.checkBeforeUpdate forbids the new limit. */
void require_room(const Cgroup& cgroup, const Resources& resources);
/**
 * Makes the user of a container with a user namespace the owner of its version 2 cgroup, when that
 * is its own and it can write to it. @see runtime-spec config-linux.md#cgroup-ownership
 */
void hand_over_cgroup(const Cgroup& cgroup, const Spec& spec);
/** Adds the processes in the folder and below it. */
void collect_processes(const std::string& folder, std::vector<pid_t>& pids);
/** 0 when the folder and all below it are gone, else the errno. */
int remove_cgroup_tree(const std::string& folder);
/** Notes on the folder that it is `owner`'s, where notes can be kept. */
void note_cgroup_owner(const CgroupFolder& folder, const std::string& owner);
/** Adds the folders of the hierarchy that `owner` has. */
void collect_owned_folders(const Hierarchy& hierarchy, const std::string& owner,
                           std::vector<CgroupFolder>& folders);
/** Whether a hierarchy is mounted there. */
bool is_cgroup_mount(const std::string& path);
/** Removes the parents that `make_cgroup_folder` made, as far as they are empty. */
void remove_marked_parents(const CgroupFolder& folder);
/** `2MB`, `1GB`: the sizes of huge pages of this machine, as cgroup files name them. */
std::vector<std::string> huge_page_sizes();
/** Writes what may be refused: true when it was taken. */
bool try_write_cgroup_file(const std::string& file, std::string_view data);

void apply_v1(const CgroupFolder& folder, const Resources& resources);
void apply_v2(const CgroupFolder& folder, const Resources& resources);

/**
 * With the rules that every container gets after its own: the default devices, terminals, and mknod.
 * They lift nothing that is denied where all devices are allowed.
 */
std::vector<DeviceRule> with_default_devices(std::vector<DeviceRule> rules);

/** Throws SpecError for rules that version 1 cannot keep apart. */
void apply_device_rules_v1(const CgroupFolder& folder, const std::vector<DeviceRule>& rules);
/** Loads a BPF program that decides as the rules do, and attaches it in the place of an earlier
 * one. */
void apply_device_rules_v2(const CgroupFolder& folder, const std::vector<DeviceRule>& rules);

}  // namespace ocup
