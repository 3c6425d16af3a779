#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "runtime/rootfs.h"

namespace ocup {

namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

void copy_attributes(int from, int to) {
  char names[4096];
  const ssize_t length = ::flistxattr(from, names, sizeof names);
  for (const char* name = names; length > 0 && name < names + length;) {
    std::string value(65536, '\0');
    const ssize_t size = ::fgetxattr(from, name, value.data(), value.size());
    // A file system in memory takes fewer kinds than one on disk: what it refuses cannot be kept.
    if (size >= 0 && ::fsetxattr(to, name, value.data(), static_cast<size_t>(size), 0) < 0 &&
        errno != EOPNOTSUPP && errno != EPERM) {
      throw SysError(errno, "setxattr", name);
    }
    name += std::char_traits<char>::length(name) + 1;
  }
}

void copy_metadata(int from, int to, const struct stat& stat) {
  copy_attributes(from, to);
  if (::fchown(to, stat.st_uid, stat.st_gid) < 0) throw SysError(errno, "chown");
  if (::fchmod(to, stat.st_mode & 07777) < 0) throw SysError(errno, "chmod");
  const timespec times[2] = {stat.st_atim, stat.st_mtim};
  if (::futimens(to, times) < 0) throw SysError(errno, "utimensat");
}

void copy_file(int from_folder, int to_folder, const char* name, const struct stat& stat) {
  const UniqueFd from = open_file(from_folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const UniqueFd to = open_file(to_folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  char bytes[65536];
  for (;;) {
    const ssize_t count =
        retry_interrupted([&] { return ::read(from.get(), bytes, sizeof bytes); });
    if (count < 0) throw SysError(errno, "read", name);
    if (count == 0) break;
    write_all(to.get(), {bytes, static_cast<size_t>(count)}, name);
  }
  copy_metadata(from.get(), to.get(), stat);
}

void copy_folder(int from_folder, int to_folder, const char* name) {
  const UniqueFd from = open_file(from_folder, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  if (::mkdirat(to_folder, name, 0700) < 0) throw SysError(errno, "mkdir", name);
  const UniqueFd to = open_file(to_folder, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  copy_tree(from.get(), to.get());
}

void copy_entry(int from, int to, const char* name) {
  struct stat stat = {};
  if (::fstatat(from, name, &stat, AT_SYMLINK_NOFOLLOW) < 0) throw SysError(errno, "stat", name);
  if (S_ISDIR(stat.st_mode)) {
    copy_folder(from, to, name);
  } else if (S_ISREG(stat.st_mode)) {
    copy_file(from, to, name, stat);
  } else {
    char target[PATH_MAX] = {};
    if (S_ISLNK(stat.st_mode)) {
      if (::readlinkat(from, name, target, sizeof target - 1) < 0)
        throw SysError(errno, "readlink", name);
      if (::symlinkat(target, to, name) < 0) throw SysError(errno, "symlink", name);
    } else if (::mknodat(to, name, stat.st_mode, stat.st_rdev) < 0) {
      throw SysError(errno, "mknod", name);
    }
    if (::fchownat(to, name, stat.st_uid, stat.st_gid, AT_SYMLINK_NOFOLLOW) < 0) {
      throw SysError(errno, "chown", name);
    }
  }
}

}  // namespace

void copy_tree(int from, int to) {
  const int stream_fd = ::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (stream_fd < 0) throw SysError(errno, "open", ".");
  const std::unique_ptr<DIR, CloseFolder> stream(::fdopendir(stream_fd));
  if (!stream) throw SysError(errno, "fdopendir");
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") copy_entry(from, to, entry->d_name);
  }
  struct stat stat = {};
  if (::fstat(from, &stat) < 0) throw SysError(errno, "stat");
  copy_metadata(from, to, stat);
}

}  // namespace ocup
