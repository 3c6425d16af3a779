#include "test/probe.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "runtime/cpu_weight.h"

namespace ocup {

namespace {

/** What is done after the facts are printed. */
struct Ending {
  int code = 0;
  int signal_number = 0;
  bool waits = false;
};

/** Texts of /proc and of names may be any bytes; JSON may not. */
std::string printable(std::string_view text) {
  std::string clean;
  for (const char c : text) clean += c >= ' ' && c <= '~' ? c : c == '\n' || c == '\t' ? ' ' : '?';
  return clean;
}

void take_word(Facts& facts, Ending& ending, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (name == "exit") {
    ending.code = std::atoi(value.c_str());
  } else if (name == "signal") {
    ending.signal_number = std::atoi(value.c_str());
  } else if (name == "wait") {
    ending.waits = true;
  } else if (name == "tree") {
    probe_tree(facts, value);
  } else if (name == "path") {
    probe_path(facts, value);
  } else if (name == "cgroup") {
    probe_cgroup(facts);
  } else if (name == "call") {
    probe_call(facts, value);
  } else if (name == "weight") {
    facts["weight"] = std::to_string(weight_of_shares(std::strtoull(value.c_str(), nullptr, 10)));
  } else if (name == "device") {
    probe_device(facts, value);
  }
}

void write_facts(const Facts& facts) {
  JsonWriter json;
  json.begin_object();
  for (const auto& [name, value] : facts) json.key(printable(name)).string(printable(value));
  json.end_object();
  write_all(STDOUT_FILENO, json.text() + "\n", "standard output");
}

void end(int) { ::_exit(0); }

int run(int argc, char** argv) {
  Facts facts;
  Ending ending;
  probe_process(facts);
  probe_mounts(facts);
  std::string words;
  for (int i = 1; i < argc; ++i) {
    take_word(facts, ending, argv[i]);
    words += std::string(words.empty() ? "" : " ") + argv[i];
  }
  facts["args"] = words;
  // The first process of a pid namespace is deaf to signals that it does not handle.
  if (ending.waits) ::signal(SIGTERM, end);
  write_facts(facts);
  if (ending.signal_number != 0) ::raise(ending.signal_number);
  while (ending.waits) ::pause();
  return ending.code;
}

}  // namespace
}  // namespace ocup

int main(int argc, char** argv) {
  try {
    if (argc > 2 && std::string_view(argv[1]) == "in-terminal") {
      return ocup::run_in_terminal(argv + 2);
    }
    if (argc > 4 && std::string_view(argv[1]) == "without") {
      return ocup::run_without(argv[2], argv[3], argv + 4);
    }
    return ocup::run(argc, argv);
  } catch (const std::exception& error) {
    ocup::write_all(STDERR_FILENO, std::string("ocup-probe: ") + error.what() + "\n", "");
    return 99;
  }
}
