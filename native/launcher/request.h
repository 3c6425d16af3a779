#pragma once

#include <optional>
#include <string>

namespace ocup {

/** The folder that holds `bin`, `dist` and `build`, from where this program lies. Throws SysError. */
std::string install_root();

/** The run folder that the environment names, as `src/host/paths.ts` does; empty where it cannot be told. */
std::string run_folder();

/**
 * The request for the command in `argv`: strings, each ended by NUL, in the order that `src/warm/request.ts` reads them.
 * Undefined where the folder we are in cannot be told.
 */
std::optional<std::string> make_request(const std::string& root, int argc, char** argv);

}  // namespace ocup
