#include <unistd.h>

#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "runtime/commands.h"
#include "runtime/log.h"
#include "runtime/state.h"

namespace ocup {

namespace {

template <typename Number>
void read_number(const Arguments& arguments, const char* name, std::optional<Number>& target) {
  if (!arguments.has(name)) return;
  const std::string text = arguments.value(name);
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw UserError("invalid value for " + std::string(name) + ": \"" + text + "\"");
  }
  target = number;
}

/** Bytes with an optional unit as docker writes them: `512m`, `1g`, `-1`. */
void read_bytes(const Arguments& arguments, const char* name, std::optional<int64_t>& target) {
  if (!arguments.has(name)) return;
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
  target = number * (int64_t{1} << shift);
}

Resources read_resources(const std::string& file) {
  const std::string text = file == "-" ? read_all(STDIN_FILENO, "standard input") : read_file(file);
  const JsonDocument document(text, file);
  return parse_resources(JsonNode(document.root()));
}

}  // namespace

int run_update(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  folder.lock();
  const ContainerState state = folder.load();
  if (state.status(folder.fd()) == Status::kStopped) throw UserError("container not running");
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
  Resources resources;
  if (arguments.has("resources")) {
    resources = read_resources(arguments.value("resources"));
  } else {
    read_number(arguments, "blkio-weight", resources.blkio_weight);
    read_number(arguments, "cpu-period", resources.cpu_period);
    read_number(arguments, "cpu-quota", resources.cpu_quota);
    read_number(arguments, "cpu-burst", resources.cpu_burst);
    read_number(arguments, "cpu-share", resources.cpu_shares);
    read_number(arguments, "cpu-rt-period", resources.cpu_realtime_period);
    read_number(arguments, "cpu-rt-runtime", resources.cpu_realtime_runtime);
    read_number(arguments, "cpu-idle", resources.cpu_idle);
    resources.cpus = arguments.value("cpuset-cpus");
    resources.mems = arguments.value("cpuset-mems");
    read_bytes(arguments, "memory", resources.memory_limit);
    read_bytes(arguments, "memory-reservation", resources.memory_reservation);
    read_bytes(arguments, "memory-swap", resources.memory_swap);
    read_number(arguments, "pids-limit", resources.pids_limit);
  }
  const bool has_device_rules = !resources.devices.empty();
  state.cgroup.apply(resources);
  if (!state.unit.is_none()) {
    update_systemd_unit(state.unit, resources, state.cgroup.is_unified());
  }
  if (has_device_rules) state.cgroup.apply_devices(with_default_devices(resources.devices));
  return 0;
}

}  // namespace ocup
