#include <optional>

#include "base/error.h"
#include "runtime/resource_changes.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "runtime/state.h"
#include "test/fuzz_target.h"

namespace ocup {

namespace {

/** Runs `parse` and takes the errors that are answers; anything else is a crash. */
template <typename Parse>
void expect_answer(Parse parse) {
  try {
    parse();
  } catch (const SpecError&) {
  } catch (const UserError&) {
  }
}

void parse_parts(const JsonNode& node) {
  expect_answer([&] { static_cast<void>(parse_process(node)); });
  expect_answer([&] { static_cast<void>(parse_resources(node)); });
  const auto linux_node = node.find("linux");
  if (!linux_node) return;
  if (const auto resources = linux_node->find("resources")) {
    expect_answer([&] { static_cast<void>(parse_resources(*resources)); });
  }
  if (const auto seccomp = linux_node->find("seccomp")) {
    expect_answer([&] { static_cast<void>(compile_seccomp(*seccomp)); });
  }
}

void read_config(std::string_view input) {
  const JsonDocument document(std::string(input), "config.json");
  // As it is written into state.json, and read again.
  const JsonDocument again(json_text(document.root()), "state.json");
  expect_answer([&] { static_cast<void>(parse_spec(again.root())); });
  expect_answer([&] { parse_parts(JsonNode(document.root())); });
}

/** As `exec --process` does. */
void read_process(std::string_view input) {
  const JsonDocument document(std::string(input), "process.json");
  static_cast<void>(parse_process(JsonNode(document.root(), "process")));
  static_cast<void>(document.root().HasMember("capabilities"));
}

/** As two of `update --resources` do, one after the other. */
void read_resources(std::string_view input) {
  const JsonDocument document(std::string(input), "standard input");
  const ResourceChanges first = merge_resources("{}", document.root());
  static_cast<void>(merge_resources(first.config, document.root()));
}

/** As every command does, with what `state`, `exec` and `update` do after it. */
void read_state(std::string_view input) {
  const ContainerState state = parse_state(std::string(input), "state.json");
  static_cast<void>(state_json(state, Status::kRunning, state.pid, &state.id));
  JsonWriter record;
  state.cgroup.write_record(record);
  const JsonDocument cgroups(record.text(), "state.json");
  static_cast<void>(Cgroup(JsonNode(cgroups.root())).find_v2());
  if (state.config.empty()) return;
  const JsonDocument changes(R"({"pids": {"limit": 5}})", "standard input");
  expect_answer([&] { static_cast<void>(merge_resources(state.config, changes.root())); });
  const JsonDocument config(state.config, "state.json");
  static_cast<void>(parse_spec(config.root()));
}

struct Target {
  std::string_view name;
  void (*read)(std::string_view input);
};

constexpr Target kTargets[] = {
    {"config", read_config},
    {"process", read_process},
    {"resources", read_resources},
    {"state", read_state},
};

const Target* chosen = nullptr;

}  // namespace

bool choose_target(std::string_view name) {
  for (const Target& target : kTargets) {
    if (target.name == name) chosen = &target;
  }
  return chosen != nullptr;
}

void fuzz_one(std::string_view input) {
  expect_answer([&] { chosen->read(input); });
}

}  // namespace ocup
