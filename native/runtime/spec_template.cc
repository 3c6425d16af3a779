#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/commands.h"
#include "runtime/spec.h"

namespace ocup {

namespace {

void write_strings(JsonWriter& writer, const char* key, const std::vector<std::string>& list) {
  writer.key(key).begin_array();
  for (const auto& text : list) writer.string(text);
  writer.end_array();
}

void write_process(JsonWriter& writer) {
  writer.key("process").begin_object();
  writer.key("terminal").boolean(true);
  writer.key("user").begin_object().key("uid").integer(0).key("gid").integer(0).end_object();
  write_strings(writer, "args", {"sh"});
  write_strings(
      writer, "env",
      {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"});
  writer.key("cwd").string("/");
  const std::vector<std::string> names = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  writer.key("capabilities").begin_object();
  for (const char* set : {"bounding", "effective", "permitted"}) write_strings(writer, set, names);
  writer.end_object();
  writer.key("rlimits").begin_array().begin_object();
  writer.key("type").string("RLIMIT_NOFILE").key("hard").integer(1024).key("soft").integer(1024);
  writer.end_object().end_array();
  writer.key("noNewPrivileges").boolean(true);
  writer.end_object();
}

struct MountTemplate {
  const char* destination;
  const char* type;
  const char* source;
  std::vector<std::string> options;
};

std::vector<MountTemplate> mounts(bool is_rootless) {
  std::vector<std::string> terminals = {"nosuid", "noexec", "newinstance", "ptmxmode=0666",
                                        "mode=0620"};
  // Group 5 (tty) is not mapped where there is a single id.
  if (!is_rootless) terminals.emplace_back("gid=5");
  std::vector<MountTemplate> list = {
      {"/proc", "proc", "proc", {}},
      {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
      {"/dev/pts", "devpts", "devpts", terminals},
      {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
      {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
  };
  if (is_rootless) {
    list.push_back({"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}});
  } else {
    list.push_back({"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}});
    list.push_back(
        {"/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}});
  }
  return list;
}

void write_mounts(JsonWriter& writer, bool is_rootless) {
  writer.key("mounts").begin_array();
  for (const auto& mount : mounts(is_rootless)) {
    writer.begin_object();
    writer.key("destination").string(mount.destination);
    writer.key("type").string(mount.type);
    writer.key("source").string(mount.source);
    if (!mount.options.empty()) write_strings(writer, "options", mount.options);
    writer.end_object();
  }
  writer.end_array();
}

void write_mapping(JsonWriter& writer, const char* key, uint32_t host_id) {
  writer.key(key).begin_array().begin_object();
  writer.key("containerID").integer(0).key("hostID").natural(host_id).key("size").integer(1);
  writer.end_object().end_array();
}

void write_linux(JsonWriter& writer, bool is_rootless) {
  writer.key("linux").begin_object();
  if (is_rootless) {
    write_mapping(writer, "uidMappings", ::geteuid());
    write_mapping(writer, "gidMappings", ::getegid());
  } else {
    writer.key("resources").begin_object().key("devices").begin_array().begin_object();
    writer.key("allow").boolean(false).key("access").string("rwm");
    writer.end_object().end_array().end_object();
  }
  std::vector<std::string> types = {"pid", "network", "ipc", "uts", "mount", "cgroup"};
  if (is_rootless) {
    types = {"pid", "ipc", "uts", "mount", "cgroup", "user"};
  }
  writer.key("namespaces").begin_array();
  for (const auto& type : types) writer.begin_object().key("type").string(type).end_object();
  writer.end_array();
  write_strings(writer, "maskedPaths",
                {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                 "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
                 "/proc/scsi"});
  write_strings(writer, "readonlyPaths",
                {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
  writer.end_object();
}

}  // namespace

int run_spec(const GlobalOptions&, const Arguments& arguments) {
  const bool is_rootless = arguments.has("rootless");
  JsonWriter writer;
  writer.begin_object();
  writer.key("ociVersion").string(kSpecVersion);
  write_process(writer);
  writer.key("root").begin_object().key("path").string("rootfs").key("readonly").boolean(true);
  writer.end_object();
  writer.key("hostname").string("ocup");
  write_mounts(writer, is_rootless);
  write_linux(writer, is_rootless);
  writer.end_object();
  const std::string path = arguments.value("bundle", ".") + "/config.json";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file && errno == EEXIST) {
    throw UserError("File config.json exists. Remove it first");
  }
  if (!file) throw SysError(errno, "open", path);
  write_all(file.get(), pretty_json(writer.text()) + "\n", path);
  return 0;
}

}  // namespace ocup
