#include "runtime/rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"
#include "base/mount_calls.h"

namespace ocup {

namespace {

long filesystem_of(int fd) {
  struct statfs stat = {};
  return ::fstatfs(fd, &stat) == 0 ? static_cast<long>(stat.f_type) : 0;
}

/** The mount that holds `path` stops handing our mounts to its peers. */
void make_parent_private(std::string path) {
  // EINVAL says that no mount begins here, see man 2 mount.
  while (::mount("", path.c_str(), "", MS_PRIVATE, nullptr) < 0) {
    if (errno != EINVAL || path == "/") throw SysError(errno, "mount", path);
    path.resize(std::max<size_t>(path.find_last_of('/'), 1));
  }
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

void pivot(int root_fd) {
  const UniqueFd old_root = open_file("/", O_PATH | O_DIRECTORY);
  if (::fchdir(root_fd) < 0) throw SysError(errno, "fchdir", "rootfs");
  // Both on the same folder: the old root is stacked below the new one and needs no folder of its
  // own.
  if (::syscall(SYS_pivot_root, ".", ".") < 0) throw SysError(errno, "pivot_root");
  if (::fchdir(old_root.get()) < 0) throw SysError(errno, "fchdir", "the host's root");
  // Slave, so that letting go of it does not unmount anything on the host.
  if (::mount("", ".", "", MS_SLAVE | MS_REC, nullptr) < 0) throw SysError(errno, "mount", ".");
  if (::umount2(".", MNT_DETACH) < 0) throw SysError(errno, "umount", "the host's root");
}

void move_root(int root_fd) {
  if (::fchdir(root_fd) < 0) throw SysError(errno, "fchdir", "rootfs");
  if (::mount(".", "/", nullptr, MS_MOVE, nullptr) < 0) throw SysError(errno, "mount", "/");
  if (::chroot(".") < 0) throw SysError(errno, "chroot");
}

}  // namespace

Rootfs::Rootfs(const Context& context)
    : spec_(context.spec),
      bundle_(context.bundle),
      path_(context.path),
      wait_for_cgroup_(context.wait_for_cgroup),
      outer_mounts_(context.outer_mounts) {}

void Rootfs::prepare() {
  const unsigned long propagation = spec_.rootfs_propagation;
  const bool is_shared = (propagation & MS_SHARED) != 0;
  // What stays shared keeps its peers on the host, which is what `shared` asks for.
  if (!is_shared) {
    const unsigned long flags = (propagation & MS_PRIVATE) != 0 ? MS_PRIVATE : MS_SLAVE;
    if (::mount("", "/", "", flags | MS_REC, nullptr) < 0) throw SysError(errno, "mount", "/");
  } else {
    make_parent_private(path_);
  }
  const UniqueFd target = open_file(path_, O_PATH | O_DIRECTORY);
  root_ = clone_mount(target.get(), "", true);
  if (!is_shared) set_propagation(root_.get(), MS_PRIVATE, path_);
  attach_mount(root_.get(), target.get(), path_);
}

void Rootfs::write_sysctls() {
  for (const auto& [name, value] : spec_.sysctl) {
    const std::string path = "sys/" + name;
    const int fd = try_open_in_root(proc_fd(), path, O_WRONLY, 0, RESOLVE_NO_XDEV);
    const UniqueFd file(fd);
    if (!file) throw SysError(errno, "open", "/proc/" + path);
    if (filesystem_of(file.get()) != PROC_SUPER_MAGIC)
      throw SysError(EXDEV, "open", "/proc/" + path);
    write_all(file.get(), value, "/proc/" + path);
  }
}

int Rootfs::proc_fd() {
  if (!proc_) proc_ = make_filesystem("proc", "proc", {}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  return proc_.get();
}

void Rootfs::make_cwd(const std::string& cwd) {
  const UniqueFd found(try_open_in_root(root_.get(), cwd, O_PATH));
  if (!found) make_folders_in_root(root_.get(), cwd);
}

void Rootfs::protect() {
  for (const auto& path : spec_.readonly_paths) make_readonly(path);
  for (const auto& path : spec_.masked_paths) mask(path);
  for (const auto& mount : spec_.mounts) {
    // A read-only /dev becomes so only now, when all that is in it has been made.
    if (mount.options.is_bind || (mount.options.set & MOUNT_ATTR_RDONLY) == 0) continue;
    if (mount.destination != "/dev") continue;
    const UniqueFd dev = open_in_root(root_.get(), "/dev", O_PATH);
    set_mount_attributes(dev.get(), MOUNT_ATTR_RDONLY, 0, false, "/dev");
  }
  if (spec_.is_root_readonly) set_mount_attributes(root_.get(), MOUNT_ATTR_RDONLY, 0, false, "/");
}

UniqueFd Rootfs::find_protected(const std::string& path) {
  UniqueFd fd(try_open_in_root(root_.get(), path, O_PATH));
  if (!fd) {
    if (errno == ENOENT || errno == ENOTDIR) return fd;
    throw SysError(errno, "openat2", path);
  }
  // INVARIANT: a masked path of proc is one of the real proc, whatever the image put at /proc.
  if (proc_ && is_below(path, "/proc") && filesystem_of(fd.get()) != PROC_SUPER_MAGIC) {
    throw SysError(EXDEV, "openat2", path);
  }
  return fd;
}

void Rootfs::make_readonly(const std::string& path) {
  const UniqueFd target = find_protected(path);
  if (!target) return;
  const UniqueFd copy = clone_mount(target.get(), "", true);
  set_mount_attributes(copy.get(), MOUNT_ATTR_RDONLY, 0, true, path);
  attach_mount(copy.get(), target.get(), path);
}

void Rootfs::mask(const std::string& path) {
  const UniqueFd target = find_protected(path);
  if (!target) return;
  struct stat stat = {};
  if (::fstat(target.get(), &stat) < 0) throw SysError(errno, "stat", path);
  if (!S_ISDIR(stat.st_mode)) {
    if (!null_) {
      null_ = open_file("/dev/null", O_PATH);
      // The host's, and looked at: a container that brings its own /dev/null cannot choose what
      // hides.
      if (::fstat(null_.get(), &stat) < 0 || !S_ISCHR(stat.st_mode) ||
          stat.st_rdev != makedev(1, 3)) {
        throw UserError("cannot mask " + path + ": /dev/null of the host is not the null device");
      }
    }
    const UniqueFd copy = clone_mount(null_.get(), "", false);
    set_mount_attributes(copy.get(), MOUNT_ATTR_RDONLY, 0, false, path);
    attach_mount(copy.get(), target.get(), path);
    return;
  }
  // One empty file system hides all folders; the copies are made of the first that is in its place.
  UniqueFd empty = mask_folder_
                       ? clone_mount(mask_folder_.get(), "", false)
                       : make_filesystem("tmpfs", "tmpfs", {"ro", "size=0"}, MOUNT_ATTR_RDONLY);
  attach_mount(empty.get(), target.get(), path);
  if (!mask_folder_) mask_folder_ = std::move(empty);
}

void Rootfs::enter(bool uses_pivot_root) {
  if (uses_pivot_root) {
    pivot(root_.get());
  } else {
    move_root(root_.get());
  }
  if (::chdir("/") < 0) throw SysError(errno, "chdir", "/");
  if (spec_.rootfs_propagation != 0 &&
      ::mount("", "/", "", spec_.rootfs_propagation, nullptr) < 0) {
    throw SysError(errno, "mount", "/");
  }
}

}  // namespace ocup
