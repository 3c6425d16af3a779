#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/path_in_root.h"
#include "base/mount_calls.h"
#include "runtime/rootfs.h"

namespace ocup {

namespace {

struct Link {
  const char* name;
  const char* target;
};

constexpr Link kLinks[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

std::vector<Device> default_devices() {
  return {{'c', "/dev/null", 1, 3, 0666, 0, 0},    {'c', "/dev/zero", 1, 5, 0666, 0, 0},
          {'c', "/dev/full", 1, 7, 0666, 0, 0},    {'c', "/dev/random", 1, 8, 0666, 0, 0},
          {'c', "/dev/urandom", 1, 9, 0666, 0, 0}, {'c', "/dev/tty", 5, 0, 0666, 0, 0}};
}

mode_t type_bits(char type) {
  return type == 'c' ? mode_t{S_IFCHR} : type == 'b' ? mode_t{S_IFBLK} : mode_t{S_IFIFO};
}

void make_link(int folder, const char* name, const char* target) {
  if (::symlinkat(target, folder, name) == 0 || errno == EEXIST) return;
  throw SysError(errno, "symlink", std::string("/dev/") + name);
}

bool is_that_device(int folder, const std::string& name, const Device& device) {
  struct stat stat = {};
  if (::fstatat(folder, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) return false;
  if ((stat.st_mode & mode_t{S_IFMT}) != type_bits(device.type)) return false;
  return device.type == 'p' || stat.st_rdev == makedev(device.major, device.minor);
}

}  // namespace

bool Rootfs::has_own_dev() const {
  return std::none_of(spec_.mounts.begin(), spec_.mounts.end(), [](const Mount& mount) {
    return mount.options.is_bind && (mount.destination == "/dev" || mount.destination == "/dev/");
  });
}

void Rootfs::make_devices() {
  // A /dev that was bound from elsewhere is not ours to fill.
  if (!has_own_dev()) return;
  for (const Device& device : default_devices()) {
    const bool is_replaced =
        std::any_of(spec_.devices.begin(), spec_.devices.end(),
                    [&](const Device& other) { return other.path == device.path; });
    if (!is_replaced) make_device(device);
  }
  for (const Device& device : spec_.devices) make_device(device);
  make_links();
}

void Rootfs::make_device(const Device& device) {
  const size_t slash = device.path.find_last_of('/');
  const std::string name = device.path.substr(slash + 1);
  if (spec_.has_namespace(CLONE_NEWUSER) && device.type != 'p') {
    bind_device(device);
    return;
  }
  const UniqueFd folder = make_folders_in_root(root_.get(), device.path.substr(0, slash));
  const mode_t mode = device.mode | type_bits(device.type);
  if (::mknodat(folder.get(), name.c_str(), mode, makedev(device.major, device.minor)) < 0) {
    const int error_number = errno;
    if (error_number == EPERM && device.type != 'p') {
      bind_device(device);
      return;
    }
    if (error_number != EEXIST || !is_that_device(folder.get(), name, device)) {
      throw SysError(error_number, "mknod", device.path);
    }
    return;
  }
  if ((device.uid != 0 || device.gid != 0) &&
      ::fchownat(folder.get(), name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "chown", device.path);
  }
}

void Rootfs::bind_device(const Device& device) {
  const UniqueFd copy = clone_mount(AT_FDCWD, device.path, false);
  struct stat stat = {};
  if (::fstat(copy.get(), &stat) < 0) throw SysError(errno, "stat", device.path);
  if ((stat.st_mode & mode_t{S_IFMT}) != type_bits(device.type) ||
      stat.st_rdev != makedev(device.major, device.minor)) {
    throw UserError("cannot make " + device.path +
                    ": the host's is another device, and no node can be made here");
  }
  const UniqueFd target = make_file_in_root(root_.get(), device.path);
  attach_mount(copy.get(), target.get(), device.path);
}

void Rootfs::make_links() {
  const UniqueFd dev = make_folders_in_root(root_.get(), "/dev");
  for (const auto& link : kLinks) make_link(dev.get(), link.name, link.target);
  if (::access("/proc/kcore", F_OK) == 0) make_link(dev.get(), "core", "/proc/kcore");
  struct stat stat = {};
  const bool has_terminals = ::fstatat(dev.get(), "pts", &stat, AT_SYMLINK_NOFOLLOW) == 0;
  if (!has_terminals) return;
  if (::unlinkat(dev.get(), "ptmx", 0) < 0 && errno != ENOENT) {
    throw SysError(errno, "unlink", "/dev/ptmx");
  }
  make_link(dev.get(), "ptmx", "pts/ptmx");
}

}  // namespace ocup
