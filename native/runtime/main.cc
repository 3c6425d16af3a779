#include <string_view>

#include "base/error.h"
#include "runtime/log.h"
#include "runtime/runtime_main.h"
#include "runtime/self_protection.h"

int main(int argc, char** argv) {
  try {
    // Before anything else: what follows would have to be done again.
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word == "create" || word == "run" || word == "exec") {
        ocup::protect_own_executable(argv);
        break;
      }
    }
    return ocup::runtime_main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    ocup::log_error(error.what());
    return 1;
  }
}
