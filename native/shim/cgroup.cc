#include "shim/cgroup.h"

#include <dirent.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ocup::shim {

namespace {

/** A line of /proc/PID/cgroup: `4:memory:/a/b`; version 2 has no controllers. */
struct Membership {
  std::string controllers;
  std::string path;
};

struct Hierarchy {
  std::string root;
  std::string mount_point;
};

std::vector<std::string_view> split(std::string_view text, char separator, size_t max_parts) {
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < max_parts) {
    const size_t end = text.find(separator);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

void each_line(const std::string& path, const std::function<void(std::string_view)>& visit) {
  const std::string text = read_file(path);
  for (const std::string_view line : split(text, '\n', SIZE_MAX)) {
    if (!line.empty()) visit(line);
  }
}

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',', SIZE_MAX);
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<Membership> read_memberships(const std::string& path) {
  std::vector<Membership> memberships;
  each_line(path, [&](std::string_view line) {
    const auto parts = split(line, ':', 3);
    if (parts.size() == 3) memberships.push_back({std::string(parts[1]), std::string(parts[2])});
  });
  return memberships;
}

/** The mount of the hierarchy with these controllers; an empty one when `mount_table` has none. */
Hierarchy find_hierarchy(const std::string& controllers, std::string_view mount_table) {
  const std::string_view controller = split(controllers, ',', 2)[0];
  for (const std::string_view line : split(mount_table, '\n', SIZE_MAX)) {
    const size_t dash = line.find(" - cgroup");
    if (dash == std::string_view::npos) continue;
    const auto fields = split(line.substr(0, dash), ' ', 7);
    const auto type = split(line.substr(dash + 3), ' ', 3);
    if (fields.size() < 6 || type.size() < 3) continue;
    const bool is_it = controller.empty() ? type[0] == "cgroup2"
                                          : type[0] == "cgroup" && has_word(type[2], controller);
    if (is_it) return {std::string(fields[3]), std::string(fields[4])};
  }
  return {};
}

/** The folder of a group below its mount, or nothing when it lies outside of what is mounted. */
std::string folder_of(const Membership& membership, std::string_view mount_table) {
  const Hierarchy hierarchy = find_hierarchy(membership.controllers, mount_table);
  if (hierarchy.mount_point.empty()) return "";
  if (hierarchy.root == "/") return hierarchy.mount_point + membership.path;
  if (!membership.path.starts_with(hierarchy.root)) return "";
  return hierarchy.mount_point + membership.path.substr(hierarchy.root.size());
}

/** 0 for `max`, for version 1's word for no limit, and where there is no such file. */
int64_t read_bytes(const std::string& path) {
  constexpr int64_t kNoLimit = INT64_MAX - 0xffff;
  try {
    const int64_t bytes = ::strtoll(read_file(path).c_str(), nullptr, 10);
    return bytes >= kNoLimit ? 0 : bytes;
  } catch (const SysError&) {
    return 0;  // memory.peak came with Linux 5.19
  }
}

bool signal_folder(const std::string& path, int signal_number) {
  std::string text;
  try {
    text = read_file(path + "/cgroup.procs");
  } catch (const SysError&) {
    return false;  // the group is gone, and its processes with it
  }
  for (const std::string_view line : split(text, '\n', SIZE_MAX)) {
    const pid_t pid = ::atoi(std::string(line).c_str());
    if (pid > 0) ::kill(pid, signal_number);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  while (folder != nullptr) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    signal_folder(path + "/" + entry->d_name, signal_number);
  }
  return true;
}

}  // namespace

Cgroup Cgroup::of_process(pid_t pid) {
  Cgroup cgroup;
  const auto own = read_memberships("/proc/self/cgroup");
  std::string mount_table;
  for (const Membership& membership :
       read_memberships("/proc/" + std::to_string(pid) + "/cgroup")) {
    const bool has_memory = has_word(membership.controllers, "memory");
    const bool is_v2 = membership.controllers.empty();
    // Any group tells the processes, and the others nothing else.
    if (!has_memory && !is_v2 && !cgroup.folder_.empty()) continue;
    const bool is_ours = std::any_of(own.begin(), own.end(), [&](const Membership& other) {
      return other.controllers == membership.controllers && other.path == membership.path;
    });
    if (is_ours || membership.path == "/") continue;
    // It may be long, and the kernel writes it anew each time.
    if (mount_table.empty()) mount_table = read_file("/proc/self/mountinfo");
    const std::string folder = folder_of(membership, mount_table);
    if (folder.empty()) continue;
    cgroup.folder_ = folder;
    if (has_memory) {
      cgroup.oom_file_ = folder + "/memory.oom_control";
      cgroup.limit_file_ = folder + "/memory.limit_in_bytes";
      cgroup.peak_file_ = folder + "/memory.max_usage_in_bytes";
    } else if (is_v2 && cgroup.oom_file_.empty()) {
      cgroup.oom_file_ = folder + "/memory.events";
      cgroup.limit_file_ = folder + "/memory.max";
      cgroup.peak_file_ = folder + "/memory.peak";
    }
  }
  return cgroup;
}

bool Cgroup::has_oom_kill() const {
  if (oom_file_.empty()) return false;
  try {
    bool has_kill = false;
    each_line(oom_file_, [&](std::string_view line) {
      const auto parts = split(line, ' ', 2);
      if (parts.size() == 2 && parts[0] == "oom_kill") has_kill = parts[1] != "0";
    });
    return has_kill;
  } catch (const SysError&) {
    return false;  // no memory controller there, or the group is gone
  }
}

MemoryUse Cgroup::memory_use() const {
  return {read_bytes(limit_file_), read_bytes(peak_file_)};
}

bool Cgroup::signal_all(int signal_number) const {
  return !folder_.empty() && signal_folder(folder_, signal_number);
}

}  // namespace ocup::shim
