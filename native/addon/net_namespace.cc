#include "addon/net_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <exception>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

void enter(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  const UniqueFd fd = open_file(path, O_RDONLY);
  if (::setns(fd.get(), CLONE_NEWNET) < 0) throw SysError(errno, "setns", path);
}

}  // namespace

void in_net_namespace(pid_t pid, const std::function<void()>& work) {
  if (pid == 0) {
    work();
    return;
  }
  std::exception_ptr failure;
  // Never Node's own threads: one that could not go back would serve others from the wrong
  // namespace.
  std::thread thread([&] {
    try {
      enter(pid);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ocup
