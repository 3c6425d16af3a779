#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "launcher/cold_start.h"
#include "launcher/command_host.h"
#include "launcher/relay.h"
#include "launcher/request.h"
#include "launcher/signals.h"

namespace {

/** Descriptors that are closed would be taken by what is opened next. */
void fill_standard_streams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

/** Options for Node.js are for a Node.js of one's own. */
bool wants_node() {
  const char* options = ::getenv("NODE_OPTIONS");
  const char* cold = ::getenv("OCUP_COLD");
  return (options != nullptr && *options != '\0') || (cold != nullptr && *cold != '\0');
}

int run(int argc, char** argv) {
  fill_standard_streams();
  const std::string root = ocup::install_root();
  if (!wants_node()) {
    if (const auto request = ocup::make_request(root, argc, argv)) {
      const std::string path = ocup::run_folder() + "/commands.sock";
      const ocup::SignalSource signals;
      const ocup::UniqueFd connection = ocup::hand_over(path, *request);
      if (connection) return ocup::relay(connection.get(), signals);
    }
  }
  ocup::cold_start(root, argc, argv);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: %s\n", error.what());
    return 1;
  }
}
