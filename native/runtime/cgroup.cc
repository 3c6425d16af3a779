#include "runtime/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

/** How long `destroy` and `freeze` go on trying. */
constexpr int kPatienceMs = 10000;

/** Marks a parent folder as ours, so that it may go when it is empty. */
const char* mark_of(const CgroupFolder& folder) {
  return folder.is_v2 ? "user.ocup.made" : "trusted.ocup.made";
}

std::string clean_path(const std::string& path) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (start <= path.size()) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    start = end + 1;
  }
  std::string clean;
  for (const auto& part : parts) clean += "/" + part;
  return clean.empty() ? "/" : clean;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string folder_at(const CgroupFolder& folder, const std::string& path) {
  return path == "/" ? folder.mount : folder.mount + path;
}

/** Writes what may be refused: true when it was taken. */
bool try_write(const std::string& file, std::string_view data) {
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size());
}

/** In version 2 a child has only those controllers that its parent hands down. */
void hand_down_controllers(const std::string& parent) {
  const std::string available = read_file(parent + "/cgroup.controllers");
  size_t start = 0;
  while (start < available.size()) {
    const size_t end = std::min(available.find_first_of(" \n", start), available.size());
    // One at a time: a controller that is busy must not keep the others from being handed down.
    if (end > start) {
      try_write(parent + "/cgroup.subtree_control", "+" + available.substr(start, end - start));
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
    write_control_file(folder_at(folder, path) + file, read_file(parent + file));
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

/** False when a parent vanished meanwhile: another container's end took it away. */
bool make_path(const CgroupFolder& folder, const std::string& path, bool is_parent) {
  if (path == "/") return true;
  if (!folder.is_v2 && make_one(folder, path, is_parent)) return true;
  const std::string parent = parent_of(path);
  if (!make_path(folder, parent, true)) return false;
  if (folder.is_v2) hand_down_controllers(folder_at(folder, parent));
  return make_one(folder, path, is_parent);
}

void make_folder(const CgroupFolder& folder) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (make_path(folder, folder.path, false)) return;
  }
  throw SysError(ENOENT, "mkdir", folder.folder());
}

void attach_to(const std::string& folder, pid_t pid) {
  write_control_file(folder + "/cgroup.procs", std::to_string(pid));
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

void collect_pids(const std::string& folder, std::vector<pid_t>& pids) {
  read_pids(folder, pids);
  for (const auto& name : child_folders(folder)) collect_pids(folder + "/" + name, pids);
}

/** 0 when the tree is gone, else the errno. */
int remove_tree(const std::string& folder) {
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return 0;
  if (errno != EBUSY) return errno;
  // The usual case has no children: they are looked for only now.
  for (const auto& name : child_folders(folder)) {
    if (const int error = remove_tree(folder + "/" + name)) return error;
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

/** Waits until `is_done`, looking ever less often. */
template <typename Check>
bool wait_until(Check is_done) {
  int waited_us = 0;
  for (int pause_us = 100; waited_us < kPatienceMs * 1000;
       pause_us = std::min(pause_us * 2, 20000)) {
    if (is_done()) return true;
    ::usleep(static_cast<useconds_t>(pause_us));
    waited_us += pause_us;
  }
  return is_done();
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool is_v2_frozen(const std::string& folder) {
  return read_file(folder + "/cgroup.events").find("frozen 1") != std::string::npos;
}

}  // namespace

bool CgroupFolder::has(std::string_view controller) const {
  if (is_v2) return false;
  return ("," + controllers + ",").find("," + std::string(controller) + ",") != std::string::npos;
}

Cgroup::Cgroup(const std::vector<Hierarchy>& hierarchies, const std::string& path) {
  for (const auto& hierarchy : hierarchies) {
    const bool is_absolute = path.starts_with("/");
    const std::string whole = is_absolute ? path : hierarchy.own_path + "/" + path;
    folders_.push_back(
        {hierarchy.controllers, hierarchy.mount, clean_path(whole), hierarchy.is_v2});
  }
}

Cgroup::Cgroup(const JsonNode& record) {
  record.each([&](const JsonNode& node) {
    folders_.push_back({node.string("controllers", ""), node.get("mount").string(),
                        node.get("path").string(), node.boolean("v2", false)});
  });
}

void Cgroup::write_record(JsonWriter& writer) const {
  writer.begin_array();
  for (const auto& folder : folders_) {
    writer.begin_object();
    writer.key("controllers").string(folder.controllers);
    writer.key("mount").string(folder.mount);
    writer.key("path").string(folder.path);
    writer.key("v2").boolean(folder.is_v2);
    writer.end_object();
  }
  writer.end_array();
}

const CgroupFolder* Cgroup::find(std::string_view controller) const {
  for (const auto& folder : folders_) {
    if (folder.has(controller)) return &folder;
  }
  return nullptr;
}

const CgroupFolder* Cgroup::find_v2() const {
  for (const auto& folder : folders_) {
    if (folder.is_v2) return &folder;
  }
  return nullptr;
}

void Cgroup::create(bool may_fail) {
  std::erase_if(folders_, [&](const CgroupFolder& folder) {
    try {
      make_folder(folder);
      return false;
    } catch (const SysError& error) {
      const int number = error.error_number();
      if (may_fail && (number == EACCES || number == EPERM || number == EROFS)) return true;
      throw;
    }
  });
}

void Cgroup::attach(pid_t pid) const {
  for (const auto& folder : folders_) attach_to(folder.folder(), pid);
}

void Cgroup::attach_beside(pid_t pid, pid_t neighbour) const {
  for (const auto& folder : folders_) {
    try {
      attach_to(folder.folder(), pid);
    } catch (const SysError& error) {
      // A version 2 cgroup that hands controllers down takes no processes: an init system inside
      // did that.
      if (!folder.is_v2 || error.error_number() != EBUSY) throw;
      const std::string text = read_file("/proc/" + std::to_string(neighbour) + "/cgroup");
      const size_t start = text.find("0::");
      if (start == std::string::npos) throw;
      const std::string path = text.substr(start + 3, text.find('\n', start) - start - 3);
      attach_to(folder.mount + path, pid);
    }
  }
}

void Cgroup::apply(const Resources& resources) const {
  for (const auto& folder : folders_) {
    if (!folder.is_v2) {
      apply_v1(folder, resources);
    } else if (is_unified()) {
      apply_v2(folder, resources);
    }
  }
  if (!resources.unified.empty() && !is_unified()) {
    throw SpecError("linux.resources.unified", "needs a machine with cgroup version 2 only");
  }
}

void Cgroup::apply_devices(const std::vector<DeviceRule>& rules) const {
  if (const CgroupFolder* folder = find("devices")) {
    apply_device_rules_v1(*folder, rules);
  } else if (const CgroupFolder* unified = find_v2()) {
    apply_device_rules_v2(*unified, rules);
  }
}

void Cgroup::freeze() const {
  if (const CgroupFolder* folder = find("freezer")) {
    const std::string file = folder->folder() + "/freezer.state";
    // A process that forks while it is being frozen keeps the state at FREEZING: ask again.
    const bool is_done = wait_until([&] {
      write_control_file(file, "FROZEN");
      return trimmed(read_file(file)) == "FROZEN";
    });
    if (!is_done) {
      write_control_file(file, "THAWED");
      throw UserError("cannot freeze " + folder->folder() + ": it stays in state FREEZING");
    }
  } else if (const CgroupFolder* unified = find_v2()) {
    write_control_file(unified->folder() + "/cgroup.freeze", "1");
    if (!wait_until([&] { return is_v2_frozen(unified->folder()); })) {
      write_control_file(unified->folder() + "/cgroup.freeze", "0");
      throw UserError("cannot freeze " + unified->folder() + ": its processes do not stop");
    }
  } else {
    throw UserError("cannot pause: this machine offers no freezer");
  }
}

void Cgroup::thaw() const {
  if (const CgroupFolder* folder = find("freezer")) {
    write_control_file(folder->folder() + "/freezer.state", "THAWED");
  } else if (const CgroupFolder* unified = find_v2()) {
    write_control_file(unified->folder() + "/cgroup.freeze", "0");
  }
}

bool Cgroup::is_frozen() const {
  try {
    if (const CgroupFolder* folder = find("freezer")) {
      return trimmed(read_file(folder->folder() + "/freezer.state")) != "THAWED";
    }
    const CgroupFolder* unified = find_v2();
    return unified != nullptr && trimmed(read_file(unified->folder() + "/cgroup.freeze")) == "1";
  } catch (const SysError& error) {
    if (error.error_number() == ENOENT || error.error_number() == ENODEV) return false;
    throw;
  }
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> pids;
  for (const auto& folder : folders_) {
    // A container may move its processes within a hierarchy, and not in all of them alike.
    collect_pids(folder.folder(), pids);
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

void Cgroup::signal_all(int signal_number) const {
  const CgroupFolder* unified = find_v2();
  if (signal_number == SIGKILL && unified != nullptr &&
      try_write(unified->folder() + "/cgroup.kill", "1")) {
    return;
  }
  // What is forked meanwhile is found by the next round, and a frozen process takes a signal later.
  std::vector<pid_t> before;
  for (int round = 0; round < 10; ++round) {
    const std::vector<pid_t> pids = processes();
    if (pids == before) return;
    for (const pid_t pid : pids) {
      if (!std::binary_search(before.begin(), before.end(), pid)) ::kill(pid, signal_number);
    }
    before = pids;
  }
}

void Cgroup::destroy() const {
  bool has_killed = false;
  for (const auto& folder : folders_) {
    if (folder.path == "/") continue;
    const std::string path = folder.folder();
    int error = 0;
    const bool is_gone = wait_until([&] {
      error = remove_tree(path);
      if (error != EBUSY) return true;
      if (!has_killed && !processes().empty()) {
        signal_all(SIGKILL);
        thaw();
        has_killed = true;
      }
      return false;
    });
    if (!is_gone || error != 0) throw SysError(error, "rmdir", path);
    remove_marked_parents(folder);
  }
}

}  // namespace ocup
