#include "runtime/runtime_main.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "runtime/commands.h"
#include "runtime/log.h"
#include "runtime/seccomp.h"

namespace ocup {

namespace {

constexpr int kFailed = 1;
/** runc's exec fails with this, so that it is told from the program's own 1. */
constexpr int kExecFailed = 255;

const std::vector<Option> kGlobalOptions = {
    {"root", 0, true},  {"log", 0, true},      {"log-format", 0, true}, {"debug"},
    {"systemd-cgroup"}, {"rootless", 0, true}, {"version", 'v'},        {"help", 'h'},
};

/** Root of another user namespace has no more rights to cgroups and devices than any user. */
bool is_in_initial_user_namespace() {
  // Not every kernel has them.
  if (::access("/proc/self/uid_map", R_OK) < 0) return true;
  unsigned inside = 0, outside = 0, count = 0;
  const std::string map = read_file("/proc/self/uid_map");
  return std::sscanf(map.c_str(), "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
         outside == 0 && count == UINT32_MAX;
}

/** Podman without root is root of its namespace under another name, as runc tells them apart. */
bool has_own_run_folder() {
  if (::geteuid() != 0) return true;
  const char* user = ::getenv("USER");
  return !is_in_initial_user_namespace() && (user == nullptr || std::string_view(user) != "root");
}

std::string default_root() {
  const char* run_folder = ::getenv("XDG_RUNTIME_DIR");
  if (has_own_run_folder() && run_folder != nullptr && *run_folder != '\0') {
    return std::string(run_folder) + "/ocup-runtime";
  }
  return "/run/ocup-runtime";
}

std::string help_text() {
  std::string text =
      "usage: ocup-runtime [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nglobal options:\n";
  const auto add = [&](const Option& option) {
    text += std::string("  --") + option.name + (option.takes_value ? " VALUE" : "") + "\n";
  };
  for (const auto& option : kGlobalOptions) add(option);
  text += "\ncommands:\n";
  for (const auto& command : commands()) {
    text += std::string("  ") + command.name + " " + command.usage + "\n";
  }
  return text;
}

std::string command_help(const Command& command) {
  std::string text =
      std::string("usage: ocup-runtime ") + command.name + " [OPTIONS] " + command.usage + "\n";
  for (const auto& option : command.options) {
    text += std::string("  --") + option.name;
    if (option.letter != 0) text += std::string(", -") + option.letter;
    text += option.takes_value ? " VALUE\n" : "\n";
  }
  return text;
}

std::string version_text() {
  return std::string("ocup-runtime version ") + kVersion + "\nspec: " + kSpecVersion +
         "\nlibseccomp: " + libseccomp_version() + "\n";
}

const Command& find_command(const std::string& name) {
  for (const auto& command : commands()) {
    if (name == command.name) return command;
  }
  // runc knows it by both names.
  if (name == "ls") return find_command("list");
  throw UserError("unknown command \"" + name + "\"");
}

bool is_rootless(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  if (text == "auto") return ::geteuid() != 0 || !is_in_initial_user_namespace();
  throw UserError("invalid value \"" + text + "\" for flag --rootless: use auto, true or false");
}

Arguments command_arguments(const Command& command, const std::vector<std::string>& words) {
  std::vector<Option> options = command.options;
  options.push_back({"help", 'h'});
  Arguments arguments({words.begin() + 1, words.end()}, options, command.has_options_anywhere);
  const size_t count = arguments.rest().size();
  const bool is_asking = arguments.has("help");
  if (!is_asking && (count < command.least_arguments || count > command.most_arguments)) {
    throw UserError(std::string("usage: ocup-runtime ") + command.name + " [OPTIONS] " +
                    command.usage);
  }
  return arguments;
}

std::string prefix_of(const std::string& command) {
  if (command == "exec") return "exec failed: ";
  if (command == "create" || command == "run") return command + " failed: ";
  return "";
}

int run(const std::vector<std::string>& words, std::string& command_name) {
  const Arguments global(words, kGlobalOptions, false);
  configure_log(global.value("log"), global.value("log-format", "text"), global.has("debug"));
  if (global.has("version")) {
    print(version_text());
    return 0;
  }
  if (global.has("help") || global.rest().empty() || global.rest()[0] == "help") {
    print(help_text());
    return 0;
  }
  command_name = global.rest()[0];
  const Command& command = find_command(command_name);
  const Arguments arguments = command_arguments(command, global.rest());
  if (arguments.has("help")) {
    print(command_help(command));
    return 0;
  }
  GlobalOptions options = {global.has("root") ? global.value("root") : default_root(),
                           is_rootless(global.value("rootless", "auto")),
                           global.has("systemd-cgroup")};
  return command.run(options, arguments);
}

}  // namespace

int runtime_main(const std::vector<std::string>& words) {
  ::prctl(PR_SET_NAME, "ocup-runtime", 0, 0, 0);
  std::string command;
  try {
    return run(words, command);
  } catch (const std::exception& error) {
    log_error(prefix_of(command) + error.what());
  }
  return command == "exec" ? kExecFailed : kFailed;
}

}  // namespace ocup
