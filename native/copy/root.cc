#include "copy/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"
#include "shim/copy_up.h"
#include "shim/root_mount.h"

namespace ocup::copy {

namespace {

void make_read_only(const std::string& path, unsigned flags) {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, path.c_str(), flags, &attributes, sizeof attributes) < 0) {
    throw SysError(errno, "mount_setattr", path);
  }
}

/** The place is found inside the root, and what is mounted there is a descriptor: nothing leads
 * out. */
void add_mount(int root_fd, const RootMount& mount) {
  const unsigned clone = static_cast<unsigned>(OPEN_TREE_CLONE) | OPEN_TREE_CLOEXEC |
                         static_cast<unsigned>(AT_RECURSIVE);
  const UniqueFd tree(::open_tree(AT_FDCWD, mount.source.c_str(), clone));
  if (!tree) throw SysError(errno, "open_tree", mount.source);
  struct mount_attr attributes = {};
  attributes.attr_set = mount.is_read_only ? MOUNT_ATTR_RDONLY : 0;
  const unsigned all = static_cast<unsigned>(AT_EMPTY_PATH) | static_cast<unsigned>(AT_RECURSIVE);
  if (::mount_setattr(tree.get(), "", all, &attributes, sizeof attributes) < 0) {
    throw SysError(errno, "mount_setattr", mount.target);
  }
  struct stat info = {};
  if (::fstat(tree.get(), &info) < 0) throw SysError(errno, "fstat", mount.source);
  const UniqueFd place = S_ISDIR(info.st_mode) ? make_folders_in_root(root_fd, mount.target)
                                               : make_file_in_root(root_fd, mount.target);
  const unsigned by_descriptor = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (::move_mount(tree.get(), "", place.get(), "", by_descriptor) < 0) {
    throw SysError(errno, "move_mount", mount.target);
  }
}

}  // namespace

UniqueFd open_root(const RootConfig& config) {
  if (config.pid > 0) {
    return open_file("/proc/" + std::to_string(config.pid) + "/root", O_PATH | O_DIRECTORY);
  }
  if (!config.is_overlay) return open_file("/", O_PATH | O_DIRECTORY);
  shim::enter_mount_namespace();
  shim::mount_root(config.shim);
  const std::string path = config.shim.bundle + "/rootfs";
  for (const shim::CopyUpConfig& copy : config.shim.copy_ups) {
    shim::copy_up(path, copy.source, copy.volume);
  }
  const UniqueFd root = open_file(path, O_PATH | O_DIRECTORY);
  for (const RootMount& mount : config.mounts) add_mount(root.get(), mount);
  if (config.is_read_only) make_read_only(path, 0);
  return open_file(path, O_PATH | O_DIRECTORY);
}

}  // namespace ocup::copy
