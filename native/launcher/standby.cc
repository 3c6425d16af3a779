#include "launcher/standby.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <vector>

#include "base/descriptors.h"
#include "base/file.h"
#include "base/process.h"
#include "launcher/command_host.h"

namespace ocup {

namespace {

/** A command that runs on has a supervisor by then, and that a command host. */
constexpr int kMaxCommandMs = 5'000;
/**
 * A supervisor starts its own one within this time, where it wants one: see supervisor/command-
 * host.ts.
 */
constexpr int kSupervisorMs = 600;

/** What stands for the process that runs the command. */
constexpr int kCommand = 3;

/** Nothing of the caller is held: no pipe of its shell, no folder, no terminal. */
void let_go() {
  close_descriptors(kCommand + 1, ~0U);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  if (::chdir("/") < 0) ::_exit(1);
}

bool has_ended(int pidfd) {
  pollfd poll = {pidfd, POLLIN, 0};
  return retry_interrupted([&] { return ::poll(&poll, 1, kMaxCommandMs); }) == 1;
}

/** One of another user would let that user put a socket of his in the place of ours. */
UniqueFd own_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) return {};
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat stat = {};
  if (!fd || ::fstat(fd.get(), &stat) < 0 || stat.st_uid != ::geteuid()) return {};
  return fd;
}

/** With the options of supervisor/command-host.ts. */
void become_host(const std::string& root, const std::string& socket) {
  ::unsetenv("NODE_OPTIONS");
  ::unsetenv("NODE_EXTRA_CA_CERTS");
  ::setenv("MALLOC_ARENA_MAX", "1", 1);
  const std::vector<std::string> words = {
      "node", "--max-semi-space-size=8", "--expose-gc", root + "/bin/start.cjs", "warm", socket,
      "--standby"};
  ::close(kCommand);
  ::execvp("node", exec_list(words).data());
}

/**
 * The folder stays locked, by the program that this one becomes: of many commands at once, one
 * leaves a standby.
 */
void wait_and_start(const std::string& root, const std::string& run_folder) {
  let_go();
  if (!has_ended(kCommand)) return;
  const std::string supervisor = run_folder + "/supervisor.sock";
  if (::access(supervisor.c_str(), F_OK) == 0) ::poll(nullptr, 0, kSupervisorMs);
  const UniqueFd folder = own_folder(run_folder);
  if (!folder || ::flock(folder.get(), LOCK_EX | LOCK_NB) < 0) return;
  const std::string socket = command_socket(run_folder);
  if (connect_to_host(socket)) return;
  ::unlink(socket.c_str());
  become_host(root, socket);
  ::rmdir(run_folder.c_str());
}

}  // namespace

void leave_standby(const std::string& root, const std::string& run_folder) {
  // A command host takes no commands from where the folder is another one.
  if (run_folder.empty() || run_folder.front() != '/') return;
  const UniqueFd self = open_pidfd(::getpid());
  if (!self) return;
  const pid_t child = ::fork();
  if (child < 0) return;
  if (child > 0) {
    ::waitpid(child, nullptr, 0);
    return;
  }
  // A grandchild in a session of its own: whoever waits for us does not wait for it.
  ::setsid();
  if (::fork() == 0) {
    try {
      if (::dup2(self.get(), kCommand) == kCommand) wait_and_start(root, run_folder);
    } catch (const std::exception&) {
      // As if there were nothing to start.
    }
  }
  ::_exit(0);
}

}  // namespace ocup
