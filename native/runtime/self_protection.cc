#include "runtime/self_protection.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/mount_calls.h"

namespace ocup {

namespace {

constexpr const char* kOwnExecutable = "/proc/self/exe";

bool is_read_only_mount(int fd) {
  struct statvfs stat = {};
  return ::fstatvfs(fd, &stat) == 0 && (stat.f_flag & ST_RDONLY) != 0;
}

bool is_sealed(int fd) {
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

UniqueFd read_only_view() {
  try {
    UniqueFd mount = clone_mount(AT_FDCWD, kOwnExecutable, false);
    set_mount_attributes(mount.get(), MOUNT_ATTR_RDONLY, 0, false, kOwnExecutable);
    return mount;
  } catch (const SysError&) {
    // Not allowed to mount: a copy serves as well.
    return UniqueFd();
  }
}

UniqueFd sealed_copy(int source) {
  UniqueFd copy(::memfd_create("ocup-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!copy) throw SysError(errno, "memfd_create");
  struct stat stat = {};
  if (::fstat(source, &stat) < 0) throw SysError(errno, "stat", kOwnExecutable);
  for (off_t left = stat.st_size; left > 0;) {
    const ssize_t count = ::sendfile(copy.get(), source, nullptr, static_cast<size_t>(left));
    if (count <= 0) throw SysError(count < 0 ? errno : EIO, "sendfile", kOwnExecutable);
    left -= count;
  }
  const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  if (::fcntl(copy.get(), F_ADD_SEALS, seals) < 0) throw SysError(errno, "fcntl", "F_ADD_SEALS");
  return copy;
}

}  // namespace

bool is_own_executable_protected() {
  const UniqueFd own = open_file(kOwnExecutable, O_RDONLY);
  return is_read_only_mount(own.get()) || is_sealed(own.get());
}

void protect_own_executable(char** argv) {
  if (is_own_executable_protected()) return;
  const UniqueFd own = open_file(kOwnExecutable, O_RDONLY);
  UniqueFd safe = read_only_view();
  if (!safe) safe = sealed_copy(own.get());
  ::fexecve(safe.get(), argv, ::environ);
  // A filter that says EPERM to calls it does not know: what the C library does for ENOSYS.
  const std::string path = "/proc/self/fd/" + std::to_string(safe.get());
  if (is_call_refused(errno)) ::execve(path.c_str(), argv, ::environ);
  throw SysError(errno, "execveat", kOwnExecutable);
}

}  // namespace ocup
