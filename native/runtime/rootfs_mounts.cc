#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/path_in_root.h"
#include "base/tree_copy.h"
#include "base/mount_calls.h"
#include "runtime/rootfs.h"

namespace ocup {

namespace {

/** An option too long for fsconfig, such as a list of many lower folders. */
bool needs_old_call(const Mount& mount) {
  return std::any_of(mount.options.data.begin(), mount.options.data.end(),
                     [](const std::string& option) { return option.size() > 255; });
}

void mount_by_old_call(const Mount& mount, int target) {
  std::string data;
  for (const auto& option : mount.options.data) data += (data.empty() ? "" : ",") + option;
  const std::string path = "/proc/self/fd/" + std::to_string(target);
  if (::mount(mount.source.c_str(), path.c_str(), mount.type.c_str(), 0, data.c_str()) < 0) {
    throw SysError(errno, "mount", mount.destination);
  }
}

void apply_own_attributes(int fd, const Mount& mount) {
  const MountOptions& options = mount.options;
  if (options.set == 0 && options.clear == 0) return;
  set_mount_attributes(fd, options.set, options.clear, false, mount.destination);
}

void apply_attributes(int fd, const Mount& mount) {
  const MountOptions& options = mount.options;
  if (options.recursive_set != 0 || options.recursive_clear != 0) {
    set_mount_attributes(fd, options.recursive_set, options.recursive_clear, true,
                         mount.destination);
  }
  for (const unsigned long flags : options.propagation) {
    set_propagation(fd, flags, mount.destination);
  }
}

bool has_option(const Mount& mount, std::string_view prefix) {
  return std::any_of(mount.options.data.begin(), mount.options.data.end(),
                     [&](const std::string& option) { return option.starts_with(prefix); });
}

std::string octal(mode_t mode) {
  std::string text;
  for (mode &= 07777; mode != 0; mode >>= 3) text.insert(0, 1, static_cast<char>('0' + (mode & 7)));
  return text.empty() ? "0" : text;
}

/** SELinux labels the others by itself. */
bool takes_label(std::string_view type) {
  return type != "proc" && type != "sysfs" && type != "mqueue" && type != "cgroup2";
}

/** One instance serves all mounts in a namespace, other containers' too: what is asked for holds
 * for the mount. */
bool is_shared_instance(const std::string& type) {
  return type == "sysfs" || type == "mqueue" || type == "cgroup2";
}

bool is_refused(const SysError& error) {
  return error.error_number() == EPERM || error.error_number() == EACCES;
}

}  // namespace

void Rootfs::mount_all() {
  for (size_t i = 0; i < spec_.mounts.size(); ++i) {
    try {
      mount_one(spec_.mounts[i]);
    } catch (const SysError& error) {
      const Mount& mount = spec_.mounts[i];
      const std::string what = mount.source.empty() ? mount.type : mount.source;
      throw UserError("error mounting \"" + what + "\" to rootfs at \"" + mount.destination +
                      "\": " + error.what());
    }
  }
}

void Rootfs::mount_one(const Mount& mount) {
  if (mount.options.is_bind) {
    mount_bind(mount);
  } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
    mount_cgroup(mount);
  } else {
    mount_new(mount);
  }
}

UniqueFd Rootfs::open_target(const Mount& mount, bool is_folder) {
  if (mount.type == "proc" || mount.type == "sysfs") {
    // A link here would let the image choose what later paths below it mean.
    const int fd = try_open_in_root(root_.get(), mount.destination, O_PATH | O_DIRECTORY, 0,
                                    RESOLVE_NO_SYMLINKS);
    if (fd >= 0) return UniqueFd(fd);
    if (errno != ENOENT) throw SysError(errno, "openat2", mount.destination);
  }
  return is_folder ? make_folders_in_root(root_.get(), mount.destination)
                   : make_file_in_root(root_.get(), mount.destination);
}

void Rootfs::attach(UniqueFd mount, int target, const std::string& destination) {
  attach_mount(mount.get(), target, destination);
  // Whatever comes later has to resolve below a root that was mounted over.
  if (destination.find_first_not_of("/.") == std::string::npos) root_ = std::move(mount);
}

UniqueFd Rootfs::clone_host_mount(const Mount& mount, const std::string& path) {
  UniqueFd copy = clone_mount(AT_FDCWD, path, mount.options.is_recursive);
  apply_own_attributes(copy.get(), mount);
  apply_attributes(copy.get(), mount);
  return copy;
}

UniqueFd Rootfs::take_bind_source(const Mount& mount) {
  const auto index = static_cast<size_t>(&mount - spec_.mounts.data());
  if (!mount.options.is_id_mapped) {
    const bool is_absolute = mount.source.starts_with("/");
    const std::string path = is_absolute ? mount.source : bundle_ + "/" + mount.source;
    try {
      return clone_host_mount(mount, path);
    } catch (const SysError& error) {
      // The root of a user namespace may not walk through folders that are closed to its host id,
      // nor leave behind what is mounted below (EINVAL).
      if (index >= outer_mounts_.size()) throw;
      const OuterMount& outer = outer_mounts_[index];
      const int number = error.error_number();
      if (number == EACCES && outer.error_number != 0) {
        throw SysError(outer.error_number, "open_tree", path);
      }
      if (!outer.copy || (number != EACCES && number != EINVAL)) throw;
    }
  }
  UniqueFd copy = std::move(outer_mounts_.at(index).copy);
  apply_own_attributes(copy.get(), mount);
  apply_attributes(copy.get(), mount);
  return copy;
}

void Rootfs::mount_bind(const Mount& mount) {
  UniqueFd copy = take_bind_source(mount);
  struct stat stat = {};
  if (::fstat(copy.get(), &stat) < 0) throw SysError(errno, "stat", mount.source);
  const UniqueFd target = open_target(mount, S_ISDIR(stat.st_mode));
  attach(std::move(copy), target.get(), mount.destination);
}

void Rootfs::mount_new(const Mount& mount) {
  std::vector<std::string> data = mount.options.data;
  UniqueFd target;
  if (mount.type == "tmpfs" && !has_option(mount, "mode=")) {
    // Over a folder that was there before it looks as that folder did.
    target = UniqueFd(try_open_in_root(root_.get(), mount.destination, O_PATH | O_DIRECTORY));
    struct stat stat = {};
    if (target && ::fstat(target.get(), &stat) == 0) data.push_back("mode=" + octal(stat.st_mode));
  }
  if (!target) target = open_target(mount, true);
  if (needs_old_call(mount)) {
    mount_by_old_call(mount, target.get());
    const UniqueFd mounted = open_in_root(root_.get(), mount.destination, O_PATH);
    set_mount_attributes(mounted.get(), mount.options.set, mount.options.clear, false,
                         mount.destination);
    apply_attributes(mounted.get(), mount);
    return;
  }
  uint64_t attributes = mount.options.set;
  if (!spec_.mount_label.empty() && takes_label(mount.type)) {
    data.push_back("context=" + spec_.mount_label);
  }
  if (is_shared_instance(mount.type)) std::erase(data, "ro");
  const bool fills_later = mount.destination == "/dev" || mount.options.copies_up;
  if (fills_later) {
    std::erase(data, "ro");
    attributes &= ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
  }
  UniqueFd made;
  try {
    made = make_filesystem(mount.type, mount.source, data, attributes);
  } catch (const SysError& error) {
    // Without a network or pid namespace of its own a user namespace may not mount these anew.
    const bool has_host_view = (mount.type == "sysfs" && !spec_.has_namespace(CLONE_NEWNET)) ||
                               (mount.type == "proc" && !spec_.has_namespace(CLONE_NEWPID));
    if (!is_refused(error) || !has_host_view) throw;
    Mount bind = mount;
    bind.options.is_recursive = true;
    bind.options.recursive_set |= mount.options.set;
    made = clone_host_mount(bind, mount.type == "proc" ? "/proc" : "/sys");
    attach(std::move(made), target.get(), mount.destination);
    return;
  }
  if (mount.options.copies_up) {
    const UniqueFd from = open_in_root(root_.get(), mount.destination, O_RDONLY | O_DIRECTORY);
    const UniqueFd to(::openat(made.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!to) throw SysError(errno, "open", mount.destination);
    struct stat made_as = {};
    if (::fstat(to.get(), &made_as) < 0) throw SysError(errno, "stat", mount.destination);
    copy_tree(from.get(), to.get());
    // A mode that was asked for is not that of the folder below.
    if (has_option(mount, "mode=") && ::fchmod(to.get(), made_as.st_mode & 07777) < 0) {
      throw SysError(errno, "chmod", mount.destination);
    }
    set_mount_attributes(made.get(), mount.options.set, 0, false, mount.destination);
  }
  apply_attributes(made.get(), mount);
  if (mount.type == "proc" && !proc_) proc_ = UniqueFd(::fcntl(made.get(), F_DUPFD_CLOEXEC, 3));
  attach(std::move(made), target.get(), mount.destination);
}

void Rootfs::mount_cgroup(const Mount& mount) {
  const Cgroup& cgroup = wait_for_cgroup_();
  if (!cgroup.is_unified()) {
    mount_cgroup_v1(mount, cgroup);
    return;
  }
  Mount unified = mount;
  unified.type = "cgroup2";
  if (spec_.has_namespace(CLONE_NEWCGROUP)) {
    mount_new(unified);
    return;
  }
  // Without a namespace /proc/self/cgroup names places in the whole tree, and that is what there is
  // to see. A copy of the host's mount: a new one would set the options of all (nsdelegate).
  const UniqueFd target = open_target(mount, true);
  attach(clone_host_mount(unified, cgroup.folders().front().mount), target.get(),
         mount.destination);
}

void Rootfs::mount_cgroup_v1(const Mount& mount, const Cgroup& cgroup) {
  const UniqueFd target = open_target(mount, true);
  const uint64_t attributes = mount.options.set & ~static_cast<uint64_t>(MOUNT_ATTR_RDONLY);
  UniqueFd folder = make_filesystem("tmpfs", "tmpfs", {"mode=755"}, attributes);
  attach_mount(folder.get(), target.get(), mount.destination);
  for (const auto& entry : cgroup.folders()) {
    if (entry.is_v2) continue;
    const std::string name = entry.mount.substr(entry.mount.find_last_of('/') + 1);
    if (::mkdirat(folder.get(), name.c_str(), 0755) < 0) throw SysError(errno, "mkdir", name);
    const UniqueFd place(::openat(folder.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place) throw SysError(errno, "open", name);
    UniqueFd part;
    if (spec_.has_namespace(CLONE_NEWCGROUP)) {
      std::vector<std::string> data;
      if (entry.controllers.starts_with("name=")) data.emplace_back("none");
      size_t start = 0;
      while (start < entry.controllers.size()) {
        const size_t end = std::min(entry.controllers.find(',', start), entry.controllers.size());
        data.push_back(entry.controllers.substr(start, end - start));
        start = end + 1;
      }
      part = make_filesystem("cgroup", "cgroup", data, mount.options.set);
    } else {
      // Without root there may be no cgroup for it: then it is in the one of the runtime.
      const bool is_there = ::access(entry.folder().c_str(), F_OK) == 0;
      part = clone_host_mount(mount, is_there ? entry.folder() : entry.mount + entry.own_path);
    }
    attach_mount(part.get(), place.get(), mount.destination + "/" + name);
    // Controllers that are mounted together are also looked for by each one's own name.
    for (size_t comma = name.find(','), from = 0;
         from < name.size() && comma != std::string::npos;) {
      const size_t end = std::min(name.find(',', from), name.size());
      if (::symlinkat(name.c_str(), folder.get(), name.substr(from, end - from).c_str()) < 0) {
        throw SysError(errno, "symlink", mount.destination + "/" + name);
      }
      from = end + 1;
    }
  }
  if ((mount.options.set & MOUNT_ATTR_RDONLY) != 0) {
    set_mount_attributes(folder.get(), MOUNT_ATTR_RDONLY, 0, false, mount.destination);
  }
}

}  // namespace ocup
