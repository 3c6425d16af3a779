#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace ocup::shim {

struct TerminalSize {
  unsigned rows;
  unsigned columns;
};

struct ExecRequest {
  /** A process object of the runtime spec, as JSON. */
  std::string process;
  bool has_tty;
  bool has_stdin;
  /** 0: no limit. */
  int64_t timeout_ms;
  std::optional<TerminalSize> size;
};

/** All throw SpecError. `params` may be missing where nothing is required. */
ExecRequest parse_exec(const JsonNode& params);
TerminalSize parse_size(const JsonNode& params);
int parse_signal_number(const JsonNode& params);

/** The same for the payload of a frame. */
TerminalSize parse_size_frame(std::string_view payload);
int parse_signal_frame(std::string_view payload);

/** Throws SpecError for a text that nests too deep to be walked with a stack. */
void check_depth(std::string_view json);

}  // namespace ocup::shim
