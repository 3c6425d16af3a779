#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/command_line.h"

namespace ocup {

/** What is said before the command. */
struct GlobalOptions {
  std::string root;
  bool is_rootless = false;
  bool uses_systemd = false;
};

/** One command of the runtime: returns the exit code, throws for what goes wrong. */
struct Command {
  const char* name;
  const char* usage;
  std::vector<Option> options;
  size_t least_arguments;
  size_t most_arguments;
  bool has_options_anywhere;
  int (*run)(const GlobalOptions& global, const Arguments& arguments);
};

const std::vector<Command>& commands();

// Each in a file of its own.
int run_list(const GlobalOptions& global, const Arguments& arguments);
int run_state(const GlobalOptions& global, const Arguments& arguments);
int run_ps(const GlobalOptions& global, const Arguments& arguments);
int run_spec(const GlobalOptions& global, const Arguments& arguments);
int run_update(const GlobalOptions& global, const Arguments& arguments);
int run_events(const GlobalOptions& global, const Arguments& arguments);
int run_features(const GlobalOptions& global, const Arguments& arguments);

/** The name in the host's /etc/passwd, or `unknown`. */
std::string user_name(uid_t uid, std::string_view unknown);

/** Writes to standard output. Throws SysError. */
void print(std::string_view text);

constexpr const char* kVersion = "0.1.0";
constexpr const char* kSpecVersion = "1.3.0";

}  // namespace ocup
