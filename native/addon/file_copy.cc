#include "addon/file_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr size_t kChunkBytes = 1 << 20;

bool is_refused(int error_number) {
  return error_number == EXDEV || error_number == EINVAL || error_number == ENOSYS ||
         error_number == EOPNOTSUPP;
}

void copy_by_hand(int from, int to, off_t at, off_t end, const std::string& path) {
  std::vector<char> buffer(static_cast<size_t>(std::min<off_t>(end - at, kChunkBytes)));
  while (at < end) {
    const size_t wanted =
        static_cast<size_t>(std::min<off_t>(end - at, static_cast<off_t>(buffer.size())));
    const ssize_t count =
        retry_interrupted([&] { return ::pread(from, buffer.data(), wanted, at); });
    if (count < 0) throw SysError(errno, "read", path);
    if (count == 0) return;
    for (ssize_t done = 0; done < count;) {
      const ssize_t written = retry_interrupted([&] {
        return ::pwrite(to, buffer.data() + done, static_cast<size_t>(count - done), at + done);
      });
      if (written < 0) throw SysError(errno, "write", path);
      done += written;
    }
    at += count;
  }
}

void copy_range(int from, int to, off_t at, off_t end, const std::string& path) {
  while (at < end) {
    off_t in = at;
    off_t out = at;
    const ssize_t count = retry_interrupted(
        [&] { return ::copy_file_range(from, &in, to, &out, static_cast<size_t>(end - at), 0); });
    if (count < 0 && !is_refused(errno)) throw SysError(errno, "copy_file_range", path);
    if (count <= 0) return copy_by_hand(from, to, at, end, path);
    at += count;
  }
}

void copy_content(int from, int to, off_t size, const std::string& path) {
  if (size == 0) return;
  if (::ioctl(to, FICLONE, from) == 0) return;
  if (::ftruncate(to, size) < 0) throw SysError(errno, "ftruncate", path);
  for (off_t at = 0; at < size;) {
    const off_t start = ::lseek(from, at, SEEK_DATA);
    if (start < 0 && errno == ENXIO) return;
    const off_t end = start < 0 ? size : ::lseek(from, start, SEEK_HOLE);
    copy_range(from, to, start < 0 ? at : start, end < 0 ? size : end, path);
    at = end < 0 ? size : end;
  }
}

}  // namespace

void copy_file(int from_fd, const std::string& path, int to_fd, const std::string& name,
               const Privileges& privileges, Skipped& skipped) {
  struct stat stat = {};
  if (::fstatat(from_fd, path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0)
    throw SysError(errno, "stat", path);
  if (S_ISREG(stat.st_mode)) {
    const UniqueFd from = open_file(from_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const UniqueFd to = open_file(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    copy_content(from.get(), to.get(), stat.st_size, path);
    set_metadata(to.get(), read_metadata(from.get()), privileges, skipped);
    return;
  }
  if (S_ISLNK(stat.st_mode)) {
    char target[PATH_MAX];
    const ssize_t length = ::readlinkat(from_fd, path.c_str(), target, sizeof target - 1);
    if (length < 0) throw SysError(errno, "readlink", path);
    target[length] = '\0';
    if (::symlinkat(target, to_fd, name.c_str()) < 0) throw SysError(errno, "symlink", path);
  } else if (::mknodat(to_fd, name.c_str(), stat.st_mode, stat.st_rdev) < 0) {
    if (errno != EPERM || S_ISFIFO(stat.st_mode)) throw SysError(errno, "mknod", path);
    skipped.devices += 1;
    if (!stand_in_for_device(to_fd, name, stat.st_mode & S_IFMT, stat.st_rdev)) return;
  }
  set_owner(to_fd, name.c_str(), stat.st_uid, stat.st_gid, privileges, skipped);
  if (!S_ISLNK(stat.st_mode) && ::fchmodat(to_fd, name.c_str(), stat.st_mode & 07777, 0) < 0) {
    throw SysError(errno, "chmod", path);
  }
  set_attributes_at(to_fd, name, read_attributes_at(from_fd, path), privileges, skipped);
  const timespec times[2] = {stat.st_mtim, stat.st_mtim};
  if (::utimensat(to_fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0)
    throw SysError(errno, "utimensat", path);
}

}  // namespace ocup
