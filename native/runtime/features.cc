#include <sys/mount.h>

#include "runtime/commands.h"
#include "runtime/identity.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "runtime/systemd_unit.h"

namespace ocup {

namespace {

void write_names(JsonWriter& writer, const char* key, const std::vector<std::string>& names) {
  writer.key(key).begin_array();
  for (const auto& name : names) writer.string(name);
  writer.end_array();
}

std::vector<std::string> capability_names() {
  std::vector<std::string> names;
  const int last = last_capability();
  for (int number = 0; number <= last; ++number) {
    if (const char* name = capability_name(number)) names.emplace_back(name);
  }
  return names;
}

void write_flag(JsonWriter& writer, const char* key, const char* member, bool value) {
  writer.key(key).begin_object().key(member).boolean(value).end_object();
}

void write_linux(JsonWriter& writer) {
  writer.begin_object();
  write_names(writer, "namespaces",
              {"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"});
  write_names(writer, "capabilities", capability_names());
  writer.key("cgroup").begin_object();
  writer.key("v1").boolean(true).key("v2").boolean(true);
  writer.key("systemd").boolean(true).key("systemdUser").boolean(true);
  writer.key("rdma").boolean(true);
  writer.end_object();
  writer.key("seccomp").begin_object();
  writer.key("enabled").boolean(true);
  write_names(writer, "actions", seccomp_actions());
  write_names(writer, "operators", seccomp_operators());
  write_names(writer, "archs", seccomp_architectures());
  write_names(writer, "knownFlags", seccomp_flags());
  write_names(writer, "supportedFlags", seccomp_flags());
  writer.end_object();
  write_flag(writer, "apparmor", "enabled", true);
  write_flag(writer, "selinux", "enabled", true);
  write_flag(writer, "intelRdt", "enabled", false);
  writer.key("memoryPolicy").begin_object();
  write_names(writer, "modes", memory_policy_modes());
  write_names(writer, "flags", memory_policy_flags());
  writer.end_object();
  write_flag(writer, "netDevices", "enabled", true);
  writer.key("mountExtensions").begin_object();
  write_flag(writer, "idmap", "enabled", true);
  writer.end_object();
  writer.end_object();
}

}  // namespace

int run_features(const GlobalOptions&, const Arguments&) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("ociVersionMin").string("1.0.0");
  writer.key("ociVersionMax").string(kSpecVersion);
  write_names(
      writer, "hooks",
      {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"});
  write_names(writer, "mountOptions", known_mount_options());
  writer.key("linux");
  write_linux(writer);
  writer.key("annotations").begin_object();
  writer.key("org.ocup.runtime.version").string(kVersion);
  writer.key("org.opencontainers.runc.checkpoint.enabled").string("false");
  writer.key("io.github.seccomp.libseccomp.version").string(libseccomp_version());
  writer.end_object();
  // They change how the container is made: whoever hands on annotations of others has to know them.
  write_names(writer, "potentiallyUnsafeConfigAnnotations", {kSystemdProperty});
  writer.end_object();
  print(pretty_json(writer.text()) + "\n");
  return 0;
}

}  // namespace ocup
