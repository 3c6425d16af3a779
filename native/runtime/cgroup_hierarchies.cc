#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

constexpr const char* kMount = "/sys/fs/cgroup";

bool is_filesystem(const std::string& path, long magic) {
  struct statfs stat = {};
  return ::statfs(path.c_str(), &stat) == 0 && static_cast<long>(stat.f_type) == magic;
}

template <typename Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    visit(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

/** `9:name=systemd:/x` */
Hierarchy parse_membership(std::string_view line) {
  const size_t first = line.find(':');
  const size_t second = line.find(':', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return {};
  Hierarchy hierarchy = {};
  hierarchy.controllers = line.substr(first + 1, second - first - 1);
  hierarchy.own_path = line.substr(second + 1);
  hierarchy.is_v2 = hierarchy.controllers.empty();
  return hierarchy;
}

std::string usual_mount(const Hierarchy& hierarchy) {
  if (hierarchy.is_v2) return std::string(kMount) + "/unified";
  const std::string_view name = hierarchy.controllers;
  return std::string(kMount).append("/").append(name.starts_with("name=") ? name.substr(5) : name);
}

bool has_all(std::string_view options, std::string_view controllers) {
  while (!controllers.empty()) {
    const size_t comma = controllers.find(',');
    const std::string word = "," + std::string(controllers.substr(0, comma)) + ",";
    if (("," + std::string(options) + ",").find(word) == std::string::npos) return false;
    if (comma == std::string_view::npos) break;
    controllers.remove_prefix(comma + 1);
  }
  return true;
}

/** Where the hierarchy is mounted according to the mount table; empty when nowhere. */
std::string search_mount(const Hierarchy& hierarchy, std::string_view mount_table) {
  std::string found;
  each_line(mount_table, [&](std::string_view line) {
    const size_t dash = line.find(" - ");
    if (!found.empty() || dash == std::string_view::npos) return;
    const std::string_view tail = line.substr(dash + 3);
    const bool is_v2 = tail.starts_with("cgroup2 ");
    if (is_v2 != hierarchy.is_v2 || (!is_v2 && !tail.starts_with("cgroup "))) return;
    if (!is_v2 && !has_all(tail.substr(tail.rfind(' ') + 1), hierarchy.controllers)) return;
    size_t start = 0;
    for (int field = 0; field < 4; ++field) start = line.find(' ', start) + 1;
    found = line.substr(start, line.find(' ', start) - start);
  });
  return found;
}

}  // namespace

std::vector<Hierarchy> find_hierarchies() {
  std::vector<Hierarchy> hierarchies;
  const bool is_unified = is_filesystem(kMount, CGROUP2_SUPER_MAGIC);
  std::string mount_table;
  each_line(read_file("/proc/self/cgroup"), [&](std::string_view line) {
    Hierarchy hierarchy = parse_membership(line);
    if (hierarchy.own_path.empty()) return;
    if (is_unified) {
      hierarchy.mount = kMount;
      if (hierarchy.is_v2) hierarchies.push_back(hierarchy);
      return;
    }
    hierarchy.mount = usual_mount(hierarchy);
    const long magic = hierarchy.is_v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC;
    // The mount table may be long: it is read only when a hierarchy is not where it usually is.
    if (!is_filesystem(hierarchy.mount, magic)) {
      if (mount_table.empty()) mount_table = read_file("/proc/self/mountinfo");
      hierarchy.mount = search_mount(hierarchy, mount_table);
      // What is listed may be hidden below a later mount.
      if (!is_filesystem(hierarchy.mount, magic)) return;
    }
    hierarchies.push_back(hierarchy);
  });
  return hierarchies;
}

}  // namespace ocup
