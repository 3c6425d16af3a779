#include "runtime/systemd_unit.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "runtime/cgroup.h"
#include "runtime/cpu_weight.h"
#include "runtime/dbus.h"

namespace ocup {

namespace {

constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

/** The properties of a unit, `a(sv)`. */
class Properties {
 public:
  explicit Properties(DbusWriter& writer) : writer_(writer), mark_(writer.begin_array(8)) {}
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;
  ~Properties() { writer_.end_array(mark_, 8); }

  void text(std::string_view name, std::string_view value) {
    begin(name, "s");
    writer_.text(value);
  }
  void texts(const char* name, std::string_view value) {
    begin(name, "as");
    const size_t mark = writer_.begin_array(4);
    writer_.text(value);
    writer_.end_array(mark, 4);
  }
  void flag(std::string_view name, bool value) {
    begin(name, "b");
    writer_.number32(value ? 1 : 0);
  }
  void number(std::string_view name, uint64_t value) {
    begin(name, "t");
    writer_.number64(value);
  }
  void number32(const std::string& name, std::string_view type, uint32_t value) {
    begin(name, type);
    writer_.number32(value);
  }
  void pid(const char* name, pid_t value) {
    begin(name, "au");
    const size_t mark = writer_.begin_array(4);
    writer_.number32(static_cast<uint32_t>(value));
    writer_.end_array(mark, 4);
  }

 private:
  void begin(std::string_view name, std::string_view type) {
    writer_.pad(8);
    writer_.text(name);
    writer_.signature(type);
  }

  DbusWriter& writer_;
  size_t mark_;
};

uint64_t limit_of(int64_t value) { return value < 0 ? UINT64_MAX : static_cast<uint64_t>(value); }

void add_memory(Properties& properties, const Resources& resources, bool is_v2) {
  const int64_t limit = resources.memory_limit.value_or(0);
  const int64_t swap = resources.memory_swap.value_or(0);
  if (limit != 0) properties.number(is_v2 ? "MemoryMax" : "MemoryLimit", limit_of(limit));
  if (!is_v2) return;
  if (resources.memory_reservation.value_or(0) != 0) {
    properties.number("MemoryLow", limit_of(*resources.memory_reservation));
  }
  if (swap < 0) properties.number("MemorySwapMax", UINT64_MAX);
  if (swap > 0 && limit > 0 && swap >= limit) {
    properties.number("MemorySwapMax", static_cast<uint64_t>(swap - limit));
  }
}

/**
 * The limits that systemd keeps as well. What it is not told it leaves alone, as the unit is
 * delegated; what it is told it would otherwise put back to its own idea when it reloads.
 */
void add_limits(Properties& properties, const Resources& resources, bool is_v2) {
  add_memory(properties, resources, is_v2);
  if (resources.cpu_shares.value_or(0) != 0) {
    properties.number(is_v2 ? "CPUWeight" : "CPUShares",
                      is_v2 ? weight_of_shares(*resources.cpu_shares) : *resources.cpu_shares);
  }
  const int64_t quota = resources.cpu_quota.value_or(0);
  if (quota != 0) {
    constexpr uint64_t kDefaultPeriod = 100000;
    constexpr uint64_t kSecond = 1000000;
    const uint64_t period =
        resources.cpu_period.value_or(0) == 0 ? kDefaultPeriod : *resources.cpu_period;
    // systemd keeps whole percents.
    constexpr uint64_t kStep = 10000;
    const uint64_t a_second =
        quota < 0 ? UINT64_MAX : static_cast<uint64_t>(quota) * kSecond / period;
    properties.number("CPUQuotaPerSecUSec",
                      quota < 0 ? a_second : (a_second + kStep - 1) / kStep * kStep);
  }
  if (resources.pids_limit.value_or(0) != 0)
    properties.number("TasksMax", limit_of(*resources.pids_limit));
}

template <typename Number>
Number parse_number(const std::string& key, std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw SpecError("annotations." + key, "is not a number of that type");
  }
  return number;
}

/** A string in quotes, a boolean, or a number with its type in front: what units have properties
 * of. */
void add_annotated(Properties& properties, const std::string& key, const std::string& value) {
  std::string name = key.substr(std::string_view(kSystemdProperty).size());
  const auto after = [&](std::string_view type) {
    return std::string_view(value).substr(type.size());
  };
  uint64_t scale = 1;
  // systemd has no properties in seconds, but people have: its own tools know `TimeoutStopSec` as
  // well.
  if (name.ends_with("Sec") && !name.ends_with("USec")) {
    name.replace(name.size() - 3, 3, "USec");
    scale = 1000000;
  }
  if (value.size() >= 2 && (value.front() == '\'' || value.front() == '"') &&
      value.back() == value.front()) {
    properties.text(name, value.substr(1, value.size() - 2));
  } else if (value == "true" || value == "false") {
    properties.flag(name, value == "true");
  } else if (value.starts_with("uint64 ") || scale != 1) {
    const std::string_view text = value.starts_with("uint64 ") ? after("uint64 ") : after("");
    properties.number(name, parse_number<uint64_t>(key, text) * scale);
  } else if (value.starts_with("uint32 ")) {
    properties.number32(name, "u", parse_number<uint32_t>(key, after("uint32 ")));
  } else {
    const std::string_view text = value.starts_with("int32 ") ? after("int32 ") : after("");
    properties.number32(name, "i", static_cast<uint32_t>(parse_number<int32_t>(key, text)));
  }
}

/** `user-1000.slice` lies at `/user.slice/user-1000.slice`. */
std::string expand_slice(const std::string& slice) {
  constexpr std::string_view kSuffix = ".slice";
  const bool is_valid = slice.size() > kSuffix.size() && slice.ends_with(kSuffix) &&
                        slice.find('/') == std::string::npos;
  if (!is_valid) throw SpecError("linux.cgroupsPath", "invalid slice name: " + slice);
  if (slice == "-.slice") return "";
  const std::string name = slice.substr(0, slice.size() - kSuffix.size());
  std::string path;
  for (size_t dash = name.find('-');; dash = name.find('-', dash + 1)) {
    const std::string prefix = name.substr(0, dash);
    if (prefix.empty() || prefix.ends_with('-')) {
      throw SpecError("linux.cgroupsPath", "invalid slice name: " + slice);
    }
    path += "/" + prefix + std::string(kSuffix);
    if (dash == std::string::npos) return path;
  }
}

std::string manager_cgroup(Dbus& bus) {
  DbusWriter body;
  body.text(kManager);
  body.text("ControlGroup");
  const std::string answer =
      bus.call({kPath, "org.freedesktop.DBus.Properties", "Get", "ss", body.data()});
  DbusReader reader(answer);
  if (reader.signature() != "s") throw UserError("systemd does not say where its cgroup is");
  return reader.text();
}

/** Waits for the end of the job that is about this unit. */
void await_job(Dbus& bus, const std::string& job, const std::string& what) {
  bus.await_signal("JobRemoved", [&](DbusReader& body) {
    body.number32();
    if (body.text() != job) return false;
    body.text();
    const std::string result = body.text();
    if (result != "done") throw UserError("unable to " + what + ": systemd says " + result);
    return true;
  });
}

std::string call_for_job(Dbus& bus, const DbusCall& call) {
  const std::string answer = bus.call(call);
  return DbusReader(answer).text();
}

}  // namespace

SystemdUnit parse_systemd_unit(const std::string& cgroups_path, const std::string& id,
                               bool is_user) {
  if (::access("/run/systemd/system", F_OK) < 0) {
    throw UserError(
        "systemd cgroup flag passed, but systemd support for managing cgroups is not available: "
        "/run/systemd/system is missing, systemd is not the init of this machine");
  }
  SystemdUnit unit = {"ocup-runtime-" + id + ".scope", is_user ? "user.slice" : "system.slice",
                      is_user};
  if (cgroups_path.empty()) return unit;
  const size_t first = cgroups_path.find(':');
  const size_t second = cgroups_path.find(':', first == std::string::npos ? first : first + 1);
  if (second == std::string::npos || cgroups_path.find(':', second + 1) != std::string::npos) {
    throw SpecError(
        "linux.cgroupsPath",
        "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"" +
            cgroups_path + "\" instead");
  }
  if (first > 0) unit.slice = cgroups_path.substr(0, first);
  const std::string prefix = cgroups_path.substr(first + 1, second - first - 1);
  const std::string name = cgroups_path.substr(second + 1);
  if (name.empty() || (prefix + name).find('/') != std::string::npos) {
    throw SpecError("linux.cgroupsPath", "\"" + cgroups_path + "\" does not name a unit");
  }
  unit.name =
      name.ends_with(".slice") ? name : (prefix.empty() ? "" : prefix + "-") + name + ".scope";
  return unit;
}

std::string cgroup_path_of(const SystemdUnit& unit) {
  Dbus bus(unit.is_user);
  std::string path = manager_cgroup(bus);
  if (path == "/") path.clear();
  // The first process of the machine may sit in a scope of its own below the root.
  if (path.ends_with("/init.scope"))
    path.resize(path.size() - std::string_view("/init.scope").size());
  return path + expand_slice(unit.slice) + "/" + unit.name;
}

void start_systemd_unit(const SystemdUnit& unit, pid_t pid, const std::string& id, const Spec& spec,
                        bool is_v2) {
  Dbus bus(unit.is_user);
  bus.call({kPath, kManager, "Subscribe", "", ""});
  DbusWriter body;
  body.text(unit.name);
  body.text("replace");
  {
    Properties properties(body);
    properties.text("Description", "container " + id);
    if (unit.name.ends_with(".slice")) {
      properties.texts("Wants", unit.slice);
    } else {
      properties.text("Slice", unit.slice);
      properties.flag("Delegate", true);
      properties.pid("PIDs", pid);
    }
    for (const char* name :
         {"MemoryAccounting", "CPUAccounting", "TasksAccounting", "IOAccounting"}) {
      if (is_v2 || std::string_view(name) != "IOAccounting") properties.flag(name, true);
    }
    properties.flag("DefaultDependencies", false);
    add_limits(properties, spec.resources, is_v2);
    for (const auto& [key, value] : spec.annotations) {
      if (key.starts_with(kSystemdProperty)) add_annotated(properties, key, value);
    }
  }
  // No other units beside it: `a(sa(sv))`.
  body.end_array(body.begin_array(8), 8);
  const std::string job =
      call_for_job(bus, {kPath, kManager, "StartTransientUnit", "ssa(sv)a(sa(sv))", body.data()});
  await_job(bus, job, "start unit \"" + unit.name + "\"");
}

void update_systemd_unit(const SystemdUnit& unit, const Resources& resources, bool is_v2) {
  Dbus bus(unit.is_user);
  DbusWriter body;
  body.text(unit.name);
  // At run time only, not written down for the next boot.
  body.number32(1);
  {
    Properties properties(body);
    add_limits(properties, resources, is_v2);
  }
  bus.call({kPath, kManager, "SetUnitProperties", "sba(sv)", body.data()});
}

void stop_systemd_unit(const SystemdUnit& unit) {
  Dbus bus(unit.is_user);
  bus.call({kPath, kManager, "Subscribe", "", ""});
  DbusWriter stop;
  stop.text(unit.name);
  stop.text("replace");
  try {
    const std::string job = call_for_job(bus, {kPath, kManager, "StopUnit", "ss", stop.data()});
    await_job(bus, job, "stop unit \"" + unit.name + "\"");
  } catch (const UserError&) {
    // It went with its last process; one that failed is kept until it is told to go.
  }
  DbusWriter reset;
  reset.text(unit.name);
  try {
    bus.call({kPath, kManager, "ResetFailedUnit", "s", reset.data()});
  } catch (const UserError&) {
    // It did not fail.
  }
}

}  // namespace ocup
