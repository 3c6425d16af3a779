#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "runtime/commands.h"
#include "runtime/log.h"
#include "runtime/resource_changes.h"
#include "runtime/state.h"

namespace ocup {

namespace {

using rapidjson::Value;

template <typename Number>
Number parse_number(const Arguments& arguments, const char* name) {
  const std::string text = arguments.value(name);
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UserError("invalid value for " + std::string(name) + ": \"" + text + "\"");
  }
  return number;
}

/** Bytes with an optional unit as docker writes them: `512m`, `1g`, `-1`. */
int64_t parse_bytes(const Arguments& arguments, const char* name) {
  const std::string text = arguments.value(name);
  int64_t number = 0;
  const char* const stop = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), stop, number);
  int shift = 0;
  if (error == std::errc() && end != stop) {
    const char unit = static_cast<char>(*end | 0x20);
    shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : unit == 't' ? 40 : 0;
    if (shift != 0 || unit == 'b') ++end;
    if (shift != 0 && end != stop && (*end | 0x20) == 'b') ++end;
  }
  if (error != std::errc() || end != stop || number > INT64_MAX >> shift) {
    throw UserError("invalid value for " + std::string(name) + ": \"" + text + "\"");
  }
  return number * (int64_t{1} << shift);
}

enum class Kind { kNatural, kInteger, kBytes, kText };

/** An option, and the field of `linux.resources` that it stands for. */
struct Option {
  const char* name;
  const char* section;
  const char* field;
  Kind kind;
};

constexpr Option kOptions[] = {
    {"blkio-weight", "blockIO", "weight", Kind::kNatural},
    {"cpu-period", "cpu", "period", Kind::kNatural},
    {"cpu-quota", "cpu", "quota", Kind::kInteger},
    {"cpu-burst", "cpu", "burst", Kind::kNatural},
    {"cpu-share", "cpu", "shares", Kind::kNatural},
    {"cpu-rt-period", "cpu", "realtimePeriod", Kind::kNatural},
    {"cpu-rt-runtime", "cpu", "realtimeRuntime", Kind::kInteger},
    {"cpu-idle", "cpu", "idle", Kind::kInteger},
    {"cpuset-cpus", "cpu", "cpus", Kind::kText},
    {"cpuset-mems", "cpu", "mems", Kind::kText},
    {"memory", "memory", "limit", Kind::kBytes},
    {"memory-reservation", "memory", "reservation", Kind::kBytes},
    {"memory-swap", "memory", "swap", Kind::kBytes},
    {"pids-limit", "pids", "limit", Kind::kInteger},
};

Value value_of(const Arguments& arguments, const Option& option,
               rapidjson::Document::AllocatorType& allocator) {
  switch (option.kind) {
    case Kind::kNatural:
      return Value(parse_number<uint64_t>(arguments, option.name));
    case Kind::kInteger:
      return Value(parse_number<int64_t>(arguments, option.name));
    case Kind::kBytes:
      return Value(parse_bytes(arguments, option.name));
    case Kind::kText:
      break;
  }
  return Value(arguments.value(option.name), allocator);
}

/** The options as `linux.resources` has them. */
std::string changes_of(const Arguments& arguments) {
  rapidjson::Document changes(rapidjson::kObjectType);
  auto& allocator = changes.GetAllocator();
  for (const Option& option : kOptions) {
    if (!arguments.has(option.name)) continue;
    if (!changes.HasMember(option.section)) {
      changes.AddMember(rapidjson::StringRef(option.section), Value(rapidjson::kObjectType),
                        allocator);
    }
    changes[option.section].AddMember(rapidjson::StringRef(option.field),
                                      value_of(arguments, option, allocator), allocator);
  }
  return json_text(changes);
}

std::string read_changes(const Arguments& arguments) {
  if (!arguments.has("resources")) return changes_of(arguments);
  const std::string file = arguments.value("resources");
  return file == "-" ? read_all(STDIN_FILENO, "standard input") : read_file(file);
}

void warn_of_unsupported(const Arguments& arguments) {
  for (const char* name : {"l3-cache-schema", "mem-bw-schema"}) {
    if (arguments.has(name)) {
      throw UserError(std::string("--") + name +
                      " is not supported: there is no resource control (resctrl) here");
    }
  }
  // The kernel gave these limits up in Linux 5.16; runc takes the flags and does nothing.
  for (const char* name : {"kernel-memory", "kernel-memory-tcp"}) {
    if (arguments.has(name)) log_warning(std::string("--") + name + " has no effect");
  }
}

}  // namespace

int run_update(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  folder.lock();
  ContainerState state = folder.load();
  if (state.status(folder.fd()) == Status::kStopped) throw UserError("container not running");
  warn_of_unsupported(arguments);
  const JsonDocument document(read_changes(arguments), arguments.value("resources"));
  ResourceChanges changes = merge_resources(state.config, document.root());
  // What is not asked for stays as it is, even where something else has changed it meanwhile.
  state.cgroup.apply(changes.resources);
  if (!state.unit.is_none()) {
    update_systemd_unit(state.unit, changes.resources, state.cgroup.is_unified());
  }
  if (!changes.resources.devices.empty()) {
    state.cgroup.apply_devices(with_default_devices(changes.resources.devices));
  }
  state.config = std::move(changes.config);
  folder.save(state);
  return 0;
}

}  // namespace ocup
