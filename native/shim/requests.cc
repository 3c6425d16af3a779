#include "shim/requests.h"

#include "base/error.h"

namespace ocup::shim {

namespace {

constexpr int kMaxDepth = 100;
constexpr int kMaxSignal = 64;

/** The process with its terminal's first size, which is set before the program starts. */
std::string with_size(std::string process, const JsonNode& node,
                      const std::optional<TerminalSize>& size) {
  if (!size || node.find("consoleSize")) return process;
  JsonWriter writer;
  writer.begin_object().key("height").natural(size->rows).key("width").natural(size->columns);
  const std::string console_size = writer.end_object().text();
  return "{\"consoleSize\":" + console_size + "," + process.substr(1);
}

}  // namespace

ExecRequest parse_exec(const JsonNode& params) {
  const JsonNode process = params.get("process");
  if (process.get("args").strings().empty()) process.get("args").fail("must not be empty");
  ExecRequest request = {};
  request.has_tty = process.boolean("terminal", false);
  request.has_stdin = params.boolean("hasStdin", false);
  if (const auto timeout = params.find("timeoutMs")) {
    request.timeout_ms = timeout->integer(0, int64_t{1} << 40);
  }
  if (const auto size = params.find("size")) request.size = parse_size(*size);
  request.process =
      with_size(json_text(process.value()), process, request.has_tty ? request.size : std::nullopt);
  return request;
}

TerminalSize parse_size(const JsonNode& params) {
  return {static_cast<unsigned>(params.get("rows").natural(UINT16_MAX)),
          static_cast<unsigned>(params.get("columns").natural(UINT16_MAX))};
}

int parse_signal_number(const JsonNode& params) {
  return static_cast<int>(params.get("signal").integer(1, kMaxSignal));
}

TerminalSize parse_size_frame(std::string_view payload) {
  check_depth(payload);
  const JsonDocument document(std::string(payload), "frame");
  return parse_size(JsonNode(document.root()));
}

int parse_signal_frame(std::string_view payload) {
  check_depth(payload);
  const JsonDocument document(std::string(payload), "frame");
  return parse_signal_number(JsonNode(document.root()));
}

void check_depth(std::string_view json) {
  int depth = 0;
  bool is_in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      is_in_string = c != '"';
    } else if (c == '"') {
      is_in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) throw SpecError("", "the request is nested too deep");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace ocup::shim
