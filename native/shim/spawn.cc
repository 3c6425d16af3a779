#include "shim/spawn.h"

#include <fcntl.h>
#include <spawn.h>

#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/process.h"

namespace ocup::shim {

namespace {

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void give(int fd, int child_fd) {
    if (fd >= 0) {
      ::posix_spawn_file_actions_adddup2(&actions_, fd, child_fd);
    } else {
      ::posix_spawn_file_actions_addopen(&actions_, child_fd, "/dev/null", O_RDWR, 0);
    }
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

pid_t spawn(const std::vector<std::string>& args, const ChildStdio& stdio) {
  FileActions actions;
  actions.give(stdio.input, STDIN_FILENO);
  actions.give(stdio.output, STDOUT_FILENO);
  actions.give(stdio.error, STDERR_FILENO);
  const Attributes attributes;
  const std::vector<char*> list = exec_list(args);
  pid_t pid = 0;
  const int error_number =
      ::posix_spawn(&pid, list[0], actions.get(), attributes.get(), list.data(), environ);
  if (error_number != 0) throw SysError(error_number, "exec", args[0]);
  return pid;
}

Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) throw SysError(errno, "pipe2");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void set_nonblocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) throw SysError(errno, "fcntl");
}

}  // namespace ocup::shim
