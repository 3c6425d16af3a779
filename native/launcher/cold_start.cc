#include "launcher/cold_start.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/error.h"

namespace ocup {

void cold_start(const std::string& root, int argc, char** argv) {
  std::string loader = root + "/bin/start.cjs";
  char node[] = "node";
  char name[] = "ocup";
  std::vector<char*> args = {node, loader.data(), name};
  args.insert(args.end(), argv + 1, argv + argc);
  args.push_back(nullptr);
  ::execvp(node, args.data());
  if (errno == ENOENT) {
    throw UserError("Node.js is not on the PATH\n  hint: install Node.js 20.19 or newer");
  }
  throw UserError("cannot start Node.js: " + errno_text(errno));
}

}  // namespace ocup
