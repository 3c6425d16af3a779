#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

/** Marks a parent folder as ours, so that it may go when it is empty. */
const char* mark_of(const CgroupFolder& folder) {
  return folder.is_v2 ? "user.ocup.made" : "trusted.ocup.made";
}

/** Names that a container cannot give its own cgroups, and, without root, those that we can give.
 */
constexpr const char* kOwnerNotes[] = {"trusted.ocup.container", "user.ocup.container"};

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string folder_at(const CgroupFolder& folder, const std::string& path) {
  return path == "/" ? folder.mount : folder.mount + path;
}

/** In version 2 a child has only those controllers that its parent hands down. */
void hand_down_controllers(const std::string& parent) {
  const std::string available = read_file(parent + "/cgroup.controllers");
  if (available.size() <= 1) return;
  // A write waits for cgroups that were removed a moment ago, even when it changes nothing.
  if (read_file(parent + "/cgroup.subtree_control") == available) return;
  size_t start = 0;
  while (start < available.size()) {
    const size_t end = std::min(available.find_first_of(" \n", start), available.size());
    // One at a time: a controller that is busy must not keep the others from being handed down.
    if (end > start) {
      try_write_cgroup_file(parent + "/cgroup.subtree_control",
                            "+" + available.substr(start, end - start));
    }
    start = end + 1;
  }
}

/** A version 1 cpuset is born empty, and nothing can be attached to an empty one. */
void inherit_cpuset(const CgroupFolder& folder, const std::string& path) {
  const std::string parent = folder_at(folder, parent_of(path));
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    // Whoever made the parent at this moment may not have filled it yet.
    if (parent_of(path) != "/" && read_file(parent + file) == "\n") {
      inherit_cpuset(folder, parent_of(path));
    }
    write_cgroup_file(folder_at(folder, path) + file, read_file(parent + file));
  }
}

bool make_one(const CgroupFolder& folder, const std::string& path, bool is_parent) {
  const std::string child = folder_at(folder, path);
  if (::mkdir(child.c_str(), 0755) < 0) {
    if (errno == EEXIST) return true;
    if (errno == ENOENT) return false;
    throw SysError(errno, "mkdir", child);
  }
  if (is_parent) ::setxattr(child.c_str(), mark_of(folder), "1", 1, 0);
  if (folder.has("cpuset") && !folder.is_v2) {
    inherit_cpuset(folder, path);
  }
  return true;
}

/** What is said of a file in a folder that was removed, before and after it was opened. */
bool has_vanished(const SysError& error) {
  return error.error_number() == ENOENT || error.error_number() == ENODEV;
}

/** False when a parent vanished meanwhile: another container's end took it away. */
bool make_path(const CgroupFolder& folder, const std::string& path, bool is_parent) {
  if (path == "/") return true;
  if (!folder.is_v2 && make_one(folder, path, is_parent)) return true;
  const std::string parent = parent_of(path);
  if (!make_path(folder, parent, true)) return false;
  if (folder.is_v2) hand_down_controllers(folder_at(folder, parent));
  return make_one(folder, path, is_parent);
}

void read_pids(const std::string& folder, std::vector<pid_t>& pids) {
  const UniqueFd fd(::open((folder + "/cgroup.procs").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return;
  std::string text;
  try {
    text = read_all(fd.get(), folder);
  } catch (const SysError&) {
    // The folder went away, or holds threads only: it has no processes to name.
    return;
  }
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error != std::errc()) break;
    if (pid > 0) pids.push_back(pid);
    at = next + 1;
  }
}

bool is_owned(const std::string& folder, const std::string& owner) {
  std::string noted(owner.size(), '\0');
  for (const char* note : kOwnerNotes) {
    const ssize_t length = ::getxattr(folder.c_str(), note, noted.data(), noted.size());
    if (length >= 0) return static_cast<size_t>(length) == owner.size() && noted == owner;
  }
  return false;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

std::vector<std::string> child_folders(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseFolder> stream(::opendir(folder.c_str()));
  if (!stream) return names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

}  // namespace

std::vector<std::string> huge_page_sizes() {
  std::vector<std::string> sizes;
  constexpr std::string_view kPrefix = "hugepages-";
  for (const auto& name : child_folders("/sys/kernel/mm/hugepages")) {
    unsigned long kilobytes = 0;
    const std::string_view number =
        std::string_view(name).substr(std::min(kPrefix.size(), name.size()));
    std::from_chars(number.data(), number.data() + number.size(), kilobytes);
    if (kilobytes == 0) continue;
    const char* const units[] = {"KB", "MB", "GB"};
    size_t unit = 0;
    for (; unit < 2 && kilobytes % 1024 == 0; ++unit) kilobytes /= 1024;
    sizes.push_back(std::to_string(kilobytes) + units[unit]);
  }
  return sizes;
}

bool try_write_cgroup_file(const std::string& file, std::string_view data) {
  try {
    write_cgroup_file(file, data);
    return true;
  } catch (const SysError&) {
    return false;
  }
}

void make_cgroup_folder(const CgroupFolder& folder) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    try {
      if (make_path(folder, folder.path, false)) return;
    } catch (const SysError& error) {
      // A parent went between being made and being written to.
      if (!has_vanished(error)) throw;
    }
  }
  throw SysError(ENOENT, "mkdir", folder.folder());
}

void note_cgroup_owner(const CgroupFolder& folder, const std::string& owner) {
  const std::string path = folder.folder();
  for (const char* note : kOwnerNotes) {
    if (::setxattr(path.c_str(), note, owner.data(), owner.size(), 0) == 0) return;
  }
}

void collect_owned_folders(const Hierarchy& hierarchy, const std::string& owner,
                           std::vector<CgroupFolder>& folders) {
  std::vector<std::string> left = {""};
  while (!left.empty()) {
    const std::string path = std::move(left.back());
    left.pop_back();
    if (!path.empty() && is_owned(hierarchy.mount + path, owner)) {
      folders.push_back(
          {hierarchy.controllers, hierarchy.mount, path, hierarchy.is_v2, hierarchy.own_path});
      continue;
    }
    for (const auto& name : child_folders(hierarchy.mount + path)) {
      left.push_back(path + "/" + name);
    }
  }
}

bool is_cgroup_mount(const std::string& path) {
  struct statfs stat = {};
  if (::statfs(path.c_str(), &stat) < 0) return false;
  const auto type = static_cast<long>(stat.f_type);
  return type == CGROUP_SUPER_MAGIC || type == CGROUP2_SUPER_MAGIC;
}

void collect_processes(const std::string& folder, std::vector<pid_t>& pids) {
  read_pids(folder, pids);
  for (const auto& name : child_folders(folder)) collect_processes(folder + "/" + name, pids);
}

int remove_cgroup_tree(const std::string& folder) {
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return 0;
  if (errno != EBUSY) return errno;
  // The usual case has no children: they are looked for only now.
  for (const auto& name : child_folders(folder)) {
    if (const int error = remove_cgroup_tree(folder + "/" + name)) return error;
  }
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

void remove_marked_parents(const CgroupFolder& folder) {
  for (std::string path = parent_of(folder.path); path != "/"; path = parent_of(path)) {
    const std::string parent = folder_at(folder, path);
    char mark = 0;
    if (::getxattr(parent.c_str(), mark_of(folder), &mark, 1) < 0) return;
    if (::rmdir(parent.c_str()) < 0) return;
  }
}

}  // namespace ocup
