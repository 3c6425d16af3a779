#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace ocup {

/** What a new process is made from. */
struct SpawnRequest {
  std::string path;
  std::vector<std::string> args;
  /** `NAME=value`. */
  std::vector<std::string> env;
  /** Empty: that of this process. */
  std::string cwd;
  /** The child's descriptor and ours it is a copy of; -1 stands for /dev/null. */
  std::vector<std::pair<int, int>> descriptors;
  bool new_session = false;
};

/**
 * Starts a process with exactly the descriptors asked for (0, 1 and 2 that are not given are
 * /dev/null), no blocked signals and every signal at its default. Returns its pid. Throws SysError,
 * with the path when the program cannot be executed.
 */
pid_t spawn(const SpawnRequest& request);

}  // namespace ocup
