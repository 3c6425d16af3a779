#include "addon/folder_entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

/** Never follows a link; `path` may have folders above its last name. */
UniqueFd open_folder(int folder_fd, const std::string& path) {
  return open_file(folder_fd, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

UniqueFd open_folder_to_empty(int folder_fd, const std::string& name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(folder_fd, name.c_str(), flags));
  if (fd || errno != EACCES || ::fchmodat(folder_fd, name.c_str(), 0700, 0) < 0) return fd;
  return UniqueFd(::openat(folder_fd, name.c_str(), flags));
}

/** Depth is that of the tree: a loop with open folders on the heap rather than recursion on a small
 * stack. */
struct Level {
  UniqueFd fd;
  std::string name;
  std::vector<std::string> left;
};

std::vector<std::string> names_in(int fd, const std::string& path) {
  UniqueFd copy = open_file(fd, ".", O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(copy.get()));
  if (!folder) throw SysError(errno, "fdopendir", path);
  copy.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw SysError(errno, "readdir", path);
  std::sort(names.begin(), names.end());
  return names;
}

/** False: it is a folder, and not empty yet. */
bool remove_one(int folder_fd, const std::string& name, uint64_t& freed_bytes) {
  struct stat stat = {};
  if (::fstatat(folder_fd, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return true;
    throw SysError(errno, "stat", name);
  }
  const bool is_folder = S_ISDIR(stat.st_mode);
  if (::unlinkat(folder_fd, name.c_str(), is_folder ? AT_REMOVEDIR : 0) < 0) {
    if (is_folder && (errno == ENOTEMPTY || errno == EEXIST || errno == EACCES)) return false;
    if (errno != ENOENT) throw SysError(errno, "unlink", name);
  } else if (is_folder || stat.st_nlink == 1) {
    freed_bytes += static_cast<uint64_t>(stat.st_blocks) * 512;
  }
  return true;
}

}  // namespace

std::vector<std::string> list_folder(int folder_fd, const std::string& path) {
  const UniqueFd fd = open_folder(folder_fd, path);
  return names_in(fd.get(), path);
}

uint64_t remove_tree(int folder_fd, const std::string& name) {
  uint64_t freed_bytes = 0;
  if (remove_one(folder_fd, name, freed_bytes)) return freed_bytes;
  std::vector<Level> levels;
  const auto descend = [&](int parent_fd, const std::string& child) {
    UniqueFd fd = open_folder_to_empty(parent_fd, child);
    if (!fd) throw SysError(errno, "open", child);
    std::vector<std::string> names = names_in(fd.get(), child);
    levels.push_back({std::move(fd), child, std::move(names)});
  };
  descend(folder_fd, name);
  while (!levels.empty()) {
    Level& level = levels.back();
    if (!level.left.empty()) {
      const std::string child = std::move(level.left.back());
      level.left.pop_back();
      if (!remove_one(level.fd.get(), child, freed_bytes)) descend(level.fd.get(), child);
      continue;
    }
    const std::string done = level.name;
    levels.pop_back();
    const int parent_fd = levels.empty() ? folder_fd : levels.back().fd.get();
    if (!remove_one(parent_fd, done, freed_bytes)) throw SysError(ENOTEMPTY, "rmdir", done);
  }
  return freed_bytes;
}

}  // namespace ocup
