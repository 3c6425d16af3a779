#include "base/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>

#include "base/error.h"

namespace ocup {

namespace {

/**
 * Above all that this process can have open. The limit bounds what it opened itself; of what it was
 * given /proc knows, which is asked only for more: in a container it may not be the real one.
 */
unsigned end_of_descriptors() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) throw SysError(errno, "getrlimit");
  auto end = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(::opendir("/proc/self/fd"));
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    end = std::max(end, static_cast<unsigned>(std::atoi(entry->d_name)) + 1);
  }
  return end;
}

}  // namespace

void close_descriptors(unsigned first, unsigned last, unsigned flags) {
  if (::syscall(SYS_close_range, first, last, flags) == 0) return;
  if (!is_call_refused(errno) && errno != EINVAL) throw SysError(errno, "close_range");
  const unsigned end = std::min(end_of_descriptors() - 1, last);
  for (unsigned number = first; number <= end; ++number) {
    const int fd = static_cast<int>(number);
    const int held = ::fcntl(fd, F_GETFD);
    if (held < 0) continue;
    if ((flags & CLOSE_RANGE_CLOEXEC) == 0) {
      ::close(fd);
    } else if (::fcntl(fd, F_SETFD, held | FD_CLOEXEC) < 0) {
      throw SysError(errno, "fcntl", "FD_CLOEXEC");
    }
  }
}

}  // namespace ocup
