#include "base/tree_copy.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr size_t kChunkBytes = 16u << 20;

struct stat stat_at(int folder_fd, const char* name) {
  struct stat info = {};
  if (::fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
    throw SysError(errno, "stat", name);
  return info;
}

struct stat stat_of(int fd) {
  struct stat info = {};
  if (::fstat(fd, &info) < 0) throw SysError(errno, "fstat");
  return info;
}

bool is_refused_between_file_systems(int error_number) {
  return error_number == EXDEV || error_number == EINVAL || error_number == ENOSYS ||
         error_number == EOPNOTSUPP;
}

void copy_content(int from, int to, const char* name) {
  bool is_within_kernel = true;
  for (;;) {
    const ssize_t count = retry_interrupted([&] {
      return is_within_kernel ? ::copy_file_range(from, nullptr, to, nullptr, kChunkBytes, 0)
                              : ::sendfile(to, from, nullptr, kChunkBytes);
    });
    if (count == 0) return;
    if (count > 0) continue;
    if (!is_within_kernel || !is_refused_between_file_systems(errno)) {
      throw SysError(errno, "write", name);
    }
    is_within_kernel = false;
  }
}

void copy_extended_attributes(int from, int to) {
  const ssize_t size = ::flistxattr(from, nullptr, 0);
  if (size <= 0) return;
  std::vector<char> names(static_cast<size_t>(size));
  const ssize_t length = ::flistxattr(from, names.data(), names.size());
  std::vector<char> value(XATTR_SIZE_MAX);
  for (ssize_t at = 0; at < length;) {
    const char* name = names.data() + at;
    at += static_cast<ssize_t>(std::string_view(name).size()) + 1;
    const ssize_t value_size = ::fgetxattr(from, name, value.data(), value.size());
    if (value_size < 0) continue;
    const int result = ::fsetxattr(to, name, value.data(), static_cast<size_t>(value_size), 0);
    // Some belong to the system and some file systems have none: that is not the image's loss.
    if (result < 0 && errno != ENOTSUP && errno != EPERM) throw SysError(errno, "setxattr", name);
  }
}

std::string read_link(int folder_fd, const char* name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlinkat(folder_fd, name, target.data(), target.size());
  if (length < 0) throw SysError(errno, "readlink", name);
  target.resize(static_cast<size_t>(length));
  return target;
}

}  // namespace

void TreeCopy::copy_entries(int from, int to, const std::string& prefix) {
  each_entry(from, [&](const char* name) { copy_entry(from, to, name, prefix + name); });
}

void TreeCopy::copy_entry(int from, int to, const char* name, const std::string& path) {
  const struct stat info = stat_at(from, name);
  if (S_ISDIR(info.st_mode)) return copy_subfolder(from, to, name, path);
  if (info.st_nlink > 1) {
    const auto [known, is_new] = linked_.try_emplace(FileId{info.st_dev, info.st_ino}, path);
    if (!is_new) {
      if (::linkat(top_fd_, known->second.c_str(), to, name, 0) < 0)
        throw SysError(errno, "link", name);
      return;
    }
  }
  if (!S_ISREG(info.st_mode)) return copy_node(from, to, name, info);
  const UniqueFd source = open_file(from, name, O_RDONLY | O_NOFOLLOW);
  const UniqueFd made = open_file(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  copy_content(source.get(), made.get(), name);
  copy_attributes(source.get(), made.get());
  copy_times(source.get(), made.get());
}

void TreeCopy::copy_subfolder(int from, int to, const char* name, const std::string& path) {
  if (::mkdirat(to, name, 0700) < 0) throw SysError(errno, "mkdir", name);
  const UniqueFd source = open_file(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const UniqueFd made = open_file(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  copy_entries(source.get(), made.get(), path + "/");
  copy_attributes(source.get(), made.get());
  copy_times(source.get(), made.get());
}

/** A symbolic link, device, pipe or socket. */
void TreeCopy::copy_node(int from, int to, const char* name, const struct stat& info) {
  if (S_ISLNK(info.st_mode)) {
    const std::string target = read_link(from, name);
    if (::symlinkat(target.c_str(), to, name) < 0) throw SysError(errno, "symlink", name);
  } else if (::mknodat(to, name, info.st_mode, info.st_rdev) < 0) {
    // Devices cannot be made without privileges over the machine; the runtime makes those of /dev.
    if (errno == EPERM) return;
    throw SysError(errno, "mknod", name);
  }
  if (::fchownat(to, name, info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "chown", name);
  }
  if (!S_ISLNK(info.st_mode) &&
      ::fchmodat(to, name, info.st_mode & 07777, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "chmod", name);
  }
  const timespec times[] = {info.st_atim, info.st_mtim};
  if (::utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0) throw SysError(errno, "utimens", name);
}

void copy_tree(int from, int to) {
  TreeCopy(to).copy_folder(from, to);
  copy_attributes(from, to);
  copy_times(from, to);
}

void copy_attributes(int from, int to) {
  const struct stat info = stat_of(from);
  // In this order: a change of the owner takes set-id bits and file capabilities away.
  if (::fchown(to, info.st_uid, info.st_gid) < 0) throw SysError(errno, "fchown");
  if (::fchmod(to, info.st_mode & 07777) < 0) throw SysError(errno, "fchmod");
  copy_extended_attributes(from, to);
}

void copy_times(int from, int to) {
  const struct stat info = stat_of(from);
  const timespec times[] = {info.st_atim, info.st_mtim};
  if (::futimens(to, times) < 0) throw SysError(errno, "futimens");
}

void each_entry(int folder_fd, const std::function<void(const char*)>& visit) {
  UniqueFd copy = open_file(folder_fd, ".", O_RDONLY | O_DIRECTORY);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(copy.get()), ::closedir);
  if (folder == nullptr) throw SysError(errno, "fdopendir");
  copy.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr && errno != 0) throw SysError(errno, "readdir");
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  for (const std::string& name : names) visit(name.c_str());
}

void remove_tree(int folder_fd, const char* name) {
  if (::unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR && errno != EPERM) throw SysError(errno, "unlink", name);
  {
    const UniqueFd folder = open_file(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    each_entry(folder.get(), [&](const char* entry) { remove_tree(folder.get(), entry); });
  }
  if (::unlinkat(folder_fd, name, AT_REMOVEDIR) < 0) throw SysError(errno, "rmdir", name);
}

}  // namespace ocup
