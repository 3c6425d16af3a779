#include "copy/target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string_view>

#include "base/error.h"
#include "base/path_in_root.h"

namespace ocup::copy {

namespace {

/** As many symbolic links as the kernel follows in one path. */
constexpr int kMaxLinks = 40;

std::string_view without_slashes(std::string_view path) {
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path;
}

/** A link at `name`, or nothing. */
std::string read_link(int parent_fd, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(parent_fd, name.c_str(), target, sizeof target);
  return length <= 0 ? std::string() : std::string(target, static_cast<size_t>(length));
}

Target folder_itself(int root_fd, const std::string& path) {
  return {open_in_root(root_fd, path, O_PATH | O_DIRECTORY), ".", true, true};
}

}  // namespace

bool names_folder(const std::string& path) { return path.ends_with('/') || names_contents(path); }

bool names_contents(const std::string& path) { return path == "." || path.ends_with("/."); }

Target find_target(int root_fd, const std::string& path, bool follows) {
  bool is_followed = follows || names_folder(path);
  std::string rest = path;
  for (int links = 0; links <= kMaxLinks; ++links) {
    const std::string_view trimmed = without_slashes(rest);
    const size_t slash = trimmed.find_last_of('/');
    const bool has_parent = slash != std::string_view::npos;
    const std::string name(has_parent ? trimmed.substr(slash + 1) : trimmed);
    const std::string above(has_parent ? trimmed.substr(0, slash + 1) : std::string_view("/"));
    if (name.empty() || name == "." || name == "..") {
      return folder_itself(root_fd, rest.empty() ? "/" : rest);
    }
    UniqueFd parent = open_in_root(root_fd, above, O_PATH | O_DIRECTORY);
    struct stat info = {};
    if (::fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno != ENOENT) throw SysError(errno, "stat", rest);
      return {std::move(parent), name, false, false};
    }
    if (!S_ISLNK(info.st_mode) || !is_followed) {
      return {std::move(parent), name, true, S_ISDIR(info.st_mode)};
    }
    const std::string link = read_link(parent.get(), name);
    if (link.empty()) throw SysError(errno, "readlink", rest);
    rest = link.front() == '/' ? link : above + link;
    is_followed = true;
  }
  throw SysError(ELOOP, "open", path);
}

}  // namespace ocup::copy
