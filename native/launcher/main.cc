#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "launcher/cold_start.h"
#include "launcher/command_host.h"
#include "launcher/relay.h"
#include "launcher/request.h"
#include "launcher/signals.h"
#include "launcher/standby.h"

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

/** Whoever asks for these does not mean to go on working. */
bool is_about_ocup(int argc, char** argv) {
  if (argc < 2) return true;
  const std::string_view word = argv[1];
  for (const char* known : {"help", "--help", "-h", "version", "--version", "-v", "doctor"}) {
    if (word == known) return true;
  }
  return false;
}

int run(int argc, char** argv) {
  fill_standard_streams();
  const std::string root = ocup::install_root();
  const std::string folder = ocup::run_folder();
  bool is_alone = false;
  if (!wants_node()) {
    if (const auto request = ocup::make_request(root, argc, argv)) {
      const ocup::SignalSource signals;
      const ocup::UniqueFd host = ocup::connect_to_host(ocup::command_socket(folder));
      if (host && ocup::hand_over(host.get(), *request)) return ocup::relay(host.get(), signals);
      is_alone = !host;
    }
  }
  if (is_alone && !is_about_ocup(argc, argv)) ocup::leave_standby(root, folder);
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
