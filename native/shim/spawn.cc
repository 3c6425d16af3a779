#include "shim/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <span>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/process.h"

namespace ocup::shim {

namespace {

/** What a shell says of a command that cannot be executed. */
constexpr int kNoChild = 126;

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

/** Where the kernel reads what `ps` shows: name and arguments, each with the zero behind it. */
std::span<char> shown_line;

/** What does not fit is cut off at the end. */
void show_as(const char* name) {
  std::string text(name);
  const auto arguments = std::find(shown_line.begin(), shown_line.end(), '\0');
  text.append(arguments, shown_line.end());
  text.resize(shown_line.size());
  if (!text.empty()) text.back() = '\0';
  std::copy(text.begin(), text.end(), shown_line.begin());
}

void become_child(const ChildStdio& stdio) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int given[] = {stdio.input, stdio.output, stdio.error};
  for (int fd = 0; fd < 3; ++fd) {
    // Our own are /dev/null.
    if (given[fd] >= 0) ::dup2(given[fd], fd);
  }
  close_descriptors(3, ~0u);
}

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

pid_t fork_to(const char* name, const std::function<int()>& body, const ChildStdio& stdio) {
  const pid_t pid = ::fork();
  if (pid < 0) throw SysError(errno, "fork");
  if (pid > 0) return pid;
  try {
    show_as(name);
    become_child(stdio);
    ::_exit(body());
  } catch (const std::exception&) {
    ::_exit(kNoChild);
  }
}

void note_command_line(int argc, char** argv) {
  char* last = argv[argc - 1];
  shown_line = {argv[0], last + std::strlen(last) + 1};
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
