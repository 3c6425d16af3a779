#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "test/probe.h"

namespace ocup {

int run_in_terminal(char** argv) {
  int terminal = -1;
  const winsize size = {30, 90, 0, 0};
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw SysError(errno, "forkpty");
  if (child == 0) {
    ::execvp(argv[0], argv);
    ::_exit(127);
  }
  char buffer[4096];
  for (;;) {
    // The last program that has the terminal open closes it: EIO.
    const ssize_t count = ::read(terminal, buffer, sizeof buffer);
    if (count <= 0) break;
    write_all(STDOUT_FILENO, {buffer, static_cast<size_t>(count)}, "standard output");
  }
  return exit_code_of(wait_for(child));
}

}  // namespace ocup
