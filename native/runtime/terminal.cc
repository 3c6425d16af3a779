#include "runtime/terminal.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/path_in_root.h"
#include "base/mount_calls.h"

namespace ocup {

namespace {

/** INVARIANT: the master is /dev/ptmx of a real devpts, whatever the image put in its place. */
void require_terminal(int fd) {
  struct stat stat = {};
  struct statfs filesystem = {};
  const bool is_ptmx = ::fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode) &&
                       stat.st_rdev == makedev(5, 2) && ::fstatfs(fd, &filesystem) == 0 &&
                       static_cast<long>(filesystem.f_type) == DEVPTS_SUPER_MAGIC;
  if (!is_ptmx) throw UserError("cannot open a terminal: /dev/pts/ptmx is not one of a devpts");
}

UniqueFd find_console_file(int dev_fd) {
  UniqueFd file(::openat(dev_fd, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno != ENOENT) throw SysError(errno, "open", "/dev/console");
  return file;
}

/** CVE-2025-52565: a link that the image put there would have the terminal mounted over another
 * file, such as one of proc that is to be masked. */
UniqueFd make_console_file(int root_fd) {
  const UniqueFd dev = make_folders_in_root(root_fd, "/dev");
  UniqueFd file = find_console_file(dev.get());
  if (!file) {
    if (::mknodat(dev.get(), "console", S_IFREG | 0600, 0) < 0 && errno != EEXIST) {
      throw SysError(errno, "mknod", "/dev/console");
    }
    file = find_console_file(dev.get());
  }
  struct stat stat = {};
  if (!file || ::fstat(file.get(), &stat) < 0) throw SysError(errno, "stat", "/dev/console");
  if (S_ISLNK(stat.st_mode)) {
    throw UserError("cannot mount the terminal at /dev/console: it is a symbolic link");
  }
  return file;
}

}  // namespace

Terminal open_terminal(int root_fd, const std::optional<ConsoleSize>& size) {
  // Looked at before it is opened: opening a device may have effects.
  const UniqueFd place = open_in_root(root_fd, "/dev/pts/ptmx", O_PATH | O_NOFOLLOW);
  require_terminal(place.get());
  Terminal terminal;
  terminal.master = open_in_root(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW);
  require_terminal(terminal.master.get());
  int locked = 0;
  unsigned number = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &locked) < 0)
    throw SysError(errno, "ioctl", "TIOCSPTLCK");
  if (::ioctl(terminal.master.get(), TIOCGPTN, &number) < 0)
    throw SysError(errno, "ioctl", "TIOCGPTN");
  // By the master, not by a path: nothing can be slipped in between.
  terminal.slave.reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) throw SysError(errno, "ioctl", "TIOCGPTPEER");
  terminal.name = "/dev/pts/" + std::to_string(number);
  if (size) {
    const winsize window = {size->height, size->width, 0, 0};
    if (::ioctl(terminal.slave.get(), TIOCSWINSZ, &window) < 0)
      throw SysError(errno, "ioctl", "TIOCSWINSZ");
  }
  return terminal;
}

void bind_console(int root_fd, const Terminal& terminal) {
  const UniqueFd target = make_console_file(root_fd);
  const UniqueFd copy = clone_mount(terminal.slave.get(), "", false);
  attach_mount(copy.get(), target.get(), "/dev/console");
}

void use_terminal(const Terminal& terminal, uid_t uid) {
  const int slave = terminal.slave.get();
  if (::fchown(slave, uid, static_cast<gid_t>(-1)) < 0 && errno != EINVAL && errno != EPERM) {
    throw SysError(errno, "chown", terminal.name);
  }
  if (::ioctl(slave, TIOCSCTTY, 0) < 0) throw SysError(errno, "ioctl", "TIOCSCTTY");
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(slave, fd) < 0) throw SysError(errno, "dup2", terminal.name);
  }
}

void own_standard_streams(const User& user) {
  struct stat null = {};
  const bool has_null = ::stat("/dev/null", &null) == 0;
  for (int fd = 0; fd < 3; ++fd) {
    struct stat stat = {};
    if (::fstat(fd, &stat) < 0 || stat.st_uid == user.uid) continue;
    // The null device is everybody's.
    if (has_null && S_ISCHR(stat.st_mode) && stat.st_rdev == null.st_rdev) continue;
    // Read-only files and ids outside of the namespace stay as they are.
    if (::fchown(fd, user.uid, user.gid) < 0 && errno != EINVAL && errno != EPERM &&
        errno != EROFS && errno != EBADF) {
      throw SysError(errno, "chown", "standard stream " + std::to_string(fd));
    }
  }
}

}  // namespace ocup
