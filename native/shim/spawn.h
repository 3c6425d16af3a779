#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ocup::shim {

/** Descriptors that a child gets as 0, 1 and 2; -1 is /dev/null. */
struct ChildStdio {
  int input = -1;
  int output = -1;
  int error = -1;
};

/**
 * Starts `args[0]` with no descriptor but these three, no signal blocked or ignored, and our
 * environment. Throws SysError.
 */
pid_t spawn(const std::vector<std::string>& args, const ChildStdio& stdio);

/**
 * Runs `body` in a copy of this process with no descriptor but these three and no signal blocked or
 * ignored; what it returns is the exit code, and it must not throw. The copy is shown as `name`,
 * with our arguments. Throws SysError.
 */
pid_t fork_to(const char* name, const std::function<int()>& body, const ChildStdio& stdio);

/** To be called once by main, for the name of copies. */
void note_command_line(int argc, char** argv);

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

/** Throws SysError. */
Pipe make_pipe();

/** Throws SysError. */
void set_nonblocking(int fd);

}  // namespace ocup::shim
