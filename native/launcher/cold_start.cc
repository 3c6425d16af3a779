#include "launcher/cold_start.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/error.h"

namespace ocup {

namespace {

constexpr char kCertificates[] = "NODE_EXTRA_CA_CERTS";
/** Known to bin/start.cjs, which gives the variable its name back. */
constexpr char kHiddenCertificates[] = "OCUP_NODE_EXTRA_CA_CERTS";

/** Node.js reads these first, for longer than a command runs, and no command needs them. */
void hide_certificates() {
  const char* path = ::getenv(kCertificates);
  if (path == nullptr || *path == '\0') return;
  ::setenv(kHiddenCertificates, path, 1);
  ::unsetenv(kCertificates);
}

}  // namespace

void cold_start(const std::string& root, int argc, char** argv) {
  std::string loader = root + "/bin/start.cjs";
  char node[] = "node";
  char name[] = "ocup";
  std::vector<char*> args = {node, loader.data(), name};
  args.insert(args.end(), argv + 1, argv + argc);
  args.push_back(nullptr);
  hide_certificates();
  ::execvp(node, args.data());
  if (errno == ENOENT) {
    throw UserError("Node.js is not on the PATH\n  hint: install Node.js 20.19 or newer");
  }
  throw UserError("cannot start Node.js: " + errno_text(errno));
}

}  // namespace ocup
