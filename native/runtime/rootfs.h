#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "runtime/cgroup.h"
#include "runtime/outer_mounts.h"
#include "runtime/spec.h"

namespace ocup {

/**
 * The root file system of one container while it is being built, in the container's own mount
 * namespace but still seen from the host's root. Every path inside is opened through `openat2`
 * below the root's descriptor. The order of the calls is the order of the declarations. All throw
 * SysError or SpecError.
 */
class Rootfs {
 public:
  struct Context {
    const Spec& spec;
    std::string bundle;
    std::string path;
    /** Waits until the process is in its cgroups, which are valid then. */
    std::function<const Cgroup&()> wait_for_cgroup;
    /** As `make_outer_mounts` gave them. */
    std::vector<OuterMount>& outer_mounts;
  };

  explicit Rootfs(const Context& context);

  /** Keeps the host from seeing our mounts, and makes the root a mount of its own. */
  void prepare();
  void mount_all();
  /** Default and configured devices, and the links beside them. */
  void make_devices();
  void write_sysctls();
  void make_cwd(const std::string& cwd);
  /** Masked and read-only paths, then a read-only root. */
  void protect();
  /** Makes it the root of this process and lets go of the host's. */
  void enter(bool uses_pivot_root);

  int fd() const { return root_.get(); }

 private:
  void mount_one(const Mount& mount);
  void mount_bind(const Mount& mount);
  void mount_new(const Mount& mount);
  void mount_cgroup(const Mount& mount);
  void mount_cgroup_v1(const Mount& mount, const Cgroup& cgroup);
  UniqueFd clone_host_mount(const Mount& mount, const std::string& path);
  UniqueFd take_bind_source(const Mount& mount);
  UniqueFd open_target(const Mount& mount, bool is_folder);
  void attach(UniqueFd mount, int target, const std::string& destination);
  void make_device(const Device& device);
  void bind_device(const Device& device);
  void make_links();
  void mask(const std::string& path);
  void make_readonly(const std::string& path);
  UniqueFd find_protected(const std::string& path);
  bool has_own_dev() const;
  int proc_fd();

  const Spec& spec_;
  std::string bundle_;
  std::string path_;
  std::function<const Cgroup&()> wait_for_cgroup_;
  std::vector<OuterMount>& outer_mounts_;
  UniqueFd root_;
  /** The mount of proc that this object made: nobody can have put anything over it. */
  UniqueFd proc_;
  UniqueFd null_;
  UniqueFd mask_folder_;
};

}  // namespace ocup
