#pragma once

#include <string>

#include "base/unique_fd.h"
#include "runtime/spec.h"

namespace ocup {

struct Terminal {
  UniqueFd master;
  UniqueFd slave;
  /** Its path as the container sees it. */
  std::string name;
};

/** A new terminal of the devpts mounted at /dev/pts below `root_fd`. Throws SysError. */
Terminal open_terminal(int root_fd, const std::optional<ConsoleSize>& size);

/** Shows the terminal at /dev/console below `root_fd`. Throws SysError. */
void bind_console(int root_fd, const Terminal& terminal);

/** Makes it the controlling terminal and standard input, output and error of this session. Throws
 * SysError. */
void use_terminal(const Terminal& terminal, uid_t uid);

/** Gives the pipes and files at 0, 1 and 2 to the user, so that it can open them by path. */
void own_standard_streams(const User& user);

/** Gives the terminal the size of our own, if we have one. */
void copy_own_size(int master);

/**
 * Stands between our own terminal and the container's until the first process `pid` ends; hands
 * signals and sizes on. Without a `master` only signals. Returns the wait status. Throws SysError.
 */
int attend(pid_t pid, UniqueFd master);

/** Blocks the signals that `attend` waits for; call it before the process is made. */
void block_signals();
/** In the new process: no blocked and no ignored signals, as a program expects it. */
void reset_signals();

}  // namespace ocup
