#include "base/path_in_root.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string_view>

#include "base/error.h"
#include "base/path_walk.h"

namespace ocup {

namespace {

/** A rename elsewhere in the tree makes the kernel give up with EAGAIN: it is right to try again.
 */
constexpr int kMaxRaces = 128;

struct Split {
  std::string parent;
  std::string name;
};

Split split_last(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.find_last_of('/');
  if (slash == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

/** As many symbolic links as the kernel follows in one path. */
constexpr int kMaxLinks = 40;

UniqueFd make_folders(int root_fd, const std::string& path, mode_t mode, int links_left) {
  UniqueFd found(try_open_in_root(root_fd, path, O_PATH | O_DIRECTORY));
  if (found) return found;
  if (errno != ENOENT) throw SysError(errno, "openat2", path);
  const auto [parent, name] = split_last(path);
  if (name.empty() || name == "." || name == "..") throw SysError(ENOENT, "mkdir", path);
  const UniqueFd above = make_folders(root_fd, parent, mode, links_left);
  if (::mkdirat(above.get(), name.c_str(), mode) < 0 && errno != EEXIST) {
    throw SysError(errno, "mkdir", path);
  }
  UniqueFd made(try_open_in_root(root_fd, path, O_PATH | O_DIRECTORY));
  if (made) return made;
  if (errno != ENOENT || links_left == 0) throw SysError(errno, "openat2", path);
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(above.get(), name.c_str(), target, sizeof target);
  if (length <= 0) throw SysError(ENOENT, "openat2", path);
  const std::string_view link(target, static_cast<size_t>(length));
  const bool is_absolute = link.front() == '/';
  return make_folders(root_fd, is_absolute ? std::string(link) : parent + "/" + std::string(link),
                      mode, links_left - 1);
}

}  // namespace

int try_open_in_root(int root_fd, const std::string& path, int flags, mode_t mode,
                     uint64_t resolve) {
  struct open_how how = {};
  how.flags = static_cast<unsigned long long>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve;
  const char* name = path.empty() ? "." : path.c_str();
  for (int race = 0; race < kMaxRaces; ++race) {
    const long fd = ::syscall(SYS_openat2, root_fd, name, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return is_call_refused(errno) ? walk_in_root(root_fd, name, flags, mode, resolve) : -1;
}

UniqueFd open_in_root(int root_fd, const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(try_open_in_root(root_fd, path, flags, mode));
  if (!fd) throw SysError(errno, "openat2", path);
  return fd;
}

UniqueFd make_folders_in_root(int root_fd, const std::string& path, mode_t mode) {
  return make_folders(root_fd, path, mode, kMaxLinks);
}

UniqueFd make_file_in_root(int root_fd, const std::string& path, mode_t mode) {
  UniqueFd found(try_open_in_root(root_fd, path, O_PATH));
  if (found) return found;
  if (errno != ENOENT) throw SysError(errno, "openat2", path);
  make_folders_in_root(root_fd, split_last(path).parent);
  // Not opened for writing: what is there by now may be anything, such as a FIFO that would block.
  UniqueFd made(try_open_in_root(root_fd, path, O_CREAT | O_RDONLY | O_NONBLOCK | O_NOCTTY, mode));
  if (!made) throw SysError(errno, "openat2", path);
  return open_in_root(root_fd, path, O_PATH);
}

}  // namespace ocup
