#pragma once

#include <sys/types.h>

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

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

/** Throws SysError. */
Pipe make_pipe();

/** Throws SysError. */
void set_nonblocking(int fd);

}  // namespace ocup::shim
