#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

// Runs a command and prints `WALL_US CPU_US PEAK_KB STATUS`: small, so that what it starts is not
// charged for a large parent.

namespace {

long microseconds(const timeval& time) { return time.tv_sec * 1000000L + time.tv_usec; }

long now_us() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const long begun = now_us();
  const pid_t pid = ::vfork();
  if (pid == 0) {
    ::execv(argv[1], argv + 1);
    ::_exit(127);
  }
  int status = 0;
  rusage usage = {};
  if (pid < 0 || ::wait4(pid, &status, 0, &usage) < 0) {
    std::fprintf(stderr, "%s: %s\n", argv[1], std::strerror(errno));
    return 1;
  }
  const long cpu = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  std::printf("%ld %ld %ld %d\n", now_us() - begun, cpu, usage.ru_maxrss, status);
  return 0;
}
