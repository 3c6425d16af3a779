#include <optional>

#include "base/error.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
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

}  // namespace

void fuzz_one(std::string_view input) {
  expect_answer([&] {
    const JsonDocument document(std::string(input), "config.json");
    // As it is written into state.json, and read again.
    const JsonDocument again(json_text(document.root()), "state.json");
    expect_answer([&] { static_cast<void>(parse_spec(again.root())); });
    expect_answer([&] { parse_parts(JsonNode(document.root())); });
  });
}

}  // namespace ocup
