#include "base/file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"

namespace ocup {

namespace {

constexpr const char* kAside = ".tmp";

/** A control file takes a value whole or not at all. */
void write_at_once(int fd, std::string_view data, const std::string& path) {
  const ssize_t count = retry_interrupted([&] { return ::write(fd, data.data(), data.size()); });
  if (count < 0) throw SysError(errno, "write", path);
  if (static_cast<size_t>(count) != data.size()) throw SysError(EIO, "write", path);
}

/** 0 for what has none, or says so: files of /proc, pipes. */
size_t size_of(int fd) {
  struct stat stat = {};
  return ::fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) ? static_cast<size_t>(stat.st_size) : 0;
}

long filesystem_of(int fd, const std::string& path) {
  struct statfs filesystem = {};
  if (::fstatfs(fd, &filesystem) < 0) throw SysError(errno, "statfs", path);
  return static_cast<long>(filesystem.f_type);
}

}  // namespace

UniqueFd open_file(int dir_fd, const std::string& path, int flags, mode_t mode) {
  const int fd = static_cast<int>(
      retry_interrupted([&] { return ::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode); }));
  if (fd < 0) throw SysError(errno, "open", path);
  return UniqueFd(fd);
}

UniqueFd open_file(const std::string& path, int flags, mode_t mode) {
  return open_file(AT_FDCWD, path, flags, mode);
}

std::string read_all(int fd, std::string_view path, size_t max_bytes) {
  // More than a file has, so that its end is seen at once, and a JsonDocument has the room it needs.
  constexpr size_t kRoom = 8;
  constexpr size_t kUnknown = 4096;
  const size_t size = size_of(fd);
  std::string data(size == 0 ? kUnknown : std::min(size, max_bytes) + kRoom, '\0');
  size_t length = 0;
  for (;;) {
    if (data.size() == length) data.resize(data.size() * 2 + 4096);
    const ssize_t count =
        retry_interrupted([&] { return ::read(fd, data.data() + length, data.size() - length); });
    if (count < 0) throw SysError(errno, "read", path);
    if (count == 0) break;
    length += static_cast<size_t>(count);
    if (length > max_bytes) throw SysError(EFBIG, "read", path);
  }
  data.resize(length);
  return data;
}

std::string read_file(const std::string& path, size_t max_bytes) {
  const UniqueFd fd = open_file(path, O_RDONLY);
  return read_all(fd.get(), path, max_bytes);
}

void write_all(int fd, std::string_view data, std::string_view path) {
  while (!data.empty()) {
    const ssize_t count = retry_interrupted([&] { return ::write(fd, data.data(), data.size()); });
    if (count < 0) throw SysError(errno, "write", path);
    data.remove_prefix(static_cast<size_t>(count));
  }
}

UniqueFd open_proc_file(const std::string& path, int flags) {
  UniqueFd fd = open_file(path, flags);
  if (filesystem_of(fd.get(), path) != PROC_SUPER_MAGIC) throw SysError(EXDEV, "open", path);
  return fd;
}

UniqueFd open_cgroup_file(const std::string& path, int flags) {
  UniqueFd fd = open_file(path, flags);
  const long type = filesystem_of(fd.get(), path);
  if (type != CGROUP_SUPER_MAGIC && type != CGROUP2_SUPER_MAGIC) {
    throw SysError(EXDEV, "open", path);
  }
  return fd;
}

void write_proc_file(const std::string& path, std::string_view data) {
  write_at_once(open_proc_file(path, O_WRONLY).get(), data, path);
}

void write_cgroup_file(const std::string& path, std::string_view data) {
  write_at_once(open_cgroup_file(path, O_WRONLY).get(), data, path);
}

void write_file_atomic(const std::string& path, std::string_view data, mode_t mode) {
  write_file_aside(path, data, mode);
  take_place(path);
}

void write_file_aside(const std::string& path, std::string_view data, mode_t mode) {
  const std::string aside = path + kAside;
  const UniqueFd fd = open_file(aside, O_WRONLY | O_CREAT | O_TRUNC, mode);
  write_all(fd.get(), data, aside);
}

void take_place(const std::string& path) {
  if (::rename((path + kAside).c_str(), path.c_str()) < 0) throw SysError(errno, "rename", path);
}

void make_folders(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return;
  if (errno != ENOENT) throw SysError(errno, "mkdir", path);
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos || slash == 0) throw SysError(ENOENT, "mkdir", path);
  make_folders(path.substr(0, slash), mode);
  if (::mkdir(path.c_str(), mode) < 0 && errno != EEXIST) throw SysError(errno, "mkdir", path);
}

}  // namespace ocup
