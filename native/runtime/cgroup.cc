#include "runtime/cgroup.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

/** How long `destroy` and `freeze` go on trying. */
constexpr int kPatienceMs = 10000;

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

void attach_to(const std::string& folder, pid_t pid) {
  write_cgroup_file(folder + "/cgroup.procs", std::to_string(pid));
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
    folders_.push_back({hierarchy.controllers, hierarchy.mount, clean_path(whole), hierarchy.is_v2,
                        hierarchy.own_path});
  }
  is_hybrid_ = find_v2() != nullptr && folders_.size() > 1;
}

Cgroup::Cgroup(const JsonNode& record) {
  record.each([&](const JsonNode& node) {
    folders_.push_back({node.string("controllers", ""), node.get("mount").string(),
                        clean_path(node.get("path").string()), node.boolean("v2", false), ""});
    is_hybrid_ = is_hybrid_ || node.boolean("hybrid", false);
  });
}

Cgroup Cgroup::below(const std::vector<std::string>& paths) const {
  Cgroup cgroup = *this;
  for (const auto& entry : paths) {
    const size_t colon = entry.find(':');
    const std::string controllers = colon == std::string::npos ? "" : entry.substr(0, colon);
    const std::string path = colon == std::string::npos ? entry : entry.substr(colon + 1);
    if (("/" + path + "/").find("/../") != std::string::npos) {
      throw UserError(path + " is not a sub cgroup path");
    }
    bool is_found = false;
    for (size_t i = 0; i < folders_.size(); ++i) {
      const CgroupFolder& own = folders_[i];
      if (!controllers.empty() && own.controllers != controllers && !own.has(controllers)) continue;
      cgroup.folders_[i].path = clean_path(own.path + "/" + path);
      is_found = true;
    }
    if (!is_found) throw UserError("bad sub cgroup: there is no hierarchy of " + controllers);
  }
  return cgroup;
}

void Cgroup::write_record(JsonWriter& writer) const {
  writer.begin_array();
  for (const auto& folder : folders_) {
    writer.begin_object();
    writer.key("controllers").string(folder.controllers);
    writer.key("mount").string(folder.mount);
    writer.key("path").string(folder.path);
    writer.key("v2").boolean(folder.is_v2);
    if (folder.is_v2 && is_hybrid_) writer.key("hybrid").boolean(true);
    writer.end_object();
  }
  writer.end_array();
}

void Cgroup::note_owner(const std::string& owner) const {
  for (const auto& folder : folders_) note_cgroup_owner(folder, owner);
}

Cgroup Cgroup::find_owned(const std::string& owner) {
  Cgroup cgroup;
  for (const auto& hierarchy : find_hierarchies()) {
    collect_owned_folders(hierarchy, owner, cgroup.folders_);
  }
  return cgroup;
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

void Cgroup::require_unused() const {
  for (const auto& folder : folders_) {
    if (folder.path == "/" || folder.path == folder.own_path) {
      throw SpecError("linux.cgroupsPath", "must name a cgroup of the container's own");
    }
    std::vector<pid_t> pids;
    if (::access(folder.folder().c_str(), F_OK) == 0) collect_processes(folder.folder(), pids);
    if (!pids.empty()) {
      throw UserError("container's cgroup is not empty: " + folder.folder() + " holds " +
                      std::to_string(pids.size()) + " process(es)");
    }
  }
}

void Cgroup::create_v1(bool may_fail) { create(false, may_fail); }

void Cgroup::create_v2(bool may_fail) { create(true, may_fail); }

void Cgroup::create(bool is_v2, bool may_fail) {
  std::erase_if(folders_, [&](const CgroupFolder& folder) {
    if (folder.is_v2 != is_v2) return false;
    try {
      make_cgroup_folder(folder);
      return false;
    } catch (const SysError& error) {
      const int number = error.error_number();
      if (may_fail && (number == EACCES || number == EPERM || number == EROFS)) return true;
      throw;
    }
  });
}

void Cgroup::attach_v2(pid_t pid) const {
  if (const CgroupFolder* folder = find_v2()) attach_to(folder->folder(), pid);
}

void Cgroup::attach_v2_beside(pid_t pid, pid_t neighbour) const {
  try {
    attach_v2(pid);
  } catch (const SysError& error) {
    // A version 2 cgroup that hands controllers down takes no processes: an init system inside
    // did that.
    if (error.error_number() != EBUSY) throw;
    const std::string text = read_file("/proc/" + std::to_string(neighbour) + "/cgroup");
    const size_t start = text.find("0::");
    if (start == std::string::npos) throw;
    const std::string path = text.substr(start + 3, text.find('\n', start) - start - 3);
    attach_to(find_v2()->mount + path, pid);
  }
}

void Cgroup::apply(const Resources& resources) const {
  require_controllers(*this, resources);
  require_room(*this, resources);
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
      write_cgroup_file(file, "FROZEN");
      return trimmed(read_file(file)) == "FROZEN";
    });
    if (!is_done) {
      write_cgroup_file(file, "THAWED");
      throw UserError("cannot freeze " + folder->folder() + ": it stays in state FREEZING");
    }
  } else if (const CgroupFolder* unified = find_v2()) {
    write_cgroup_file(unified->folder() + "/cgroup.freeze", "1");
    if (!wait_until([&] { return is_v2_frozen(unified->folder()); })) {
      write_cgroup_file(unified->folder() + "/cgroup.freeze", "0");
      throw UserError("cannot freeze " + unified->folder() + ": its processes do not stop");
    }
  } else {
    throw UserError("cannot pause: this machine offers no freezer");
  }
}

void Cgroup::thaw() const {
  try {
    if (const CgroupFolder* folder = find("freezer")) {
      write_cgroup_file(folder->folder() + "/freezer.state", "THAWED");
    } else if (const CgroupFolder* unified = find_v2()) {
      write_cgroup_file(unified->folder() + "/cgroup.freeze", "0");
    }
  } catch (const SysError& error) {
    // What has been removed meanwhile holds nobody back.
    if (error.error_number() != ENOENT && error.error_number() != ENODEV) throw;
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
    collect_processes(folder.folder(), pids);
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

void Cgroup::signal_all(int signal_number) const {
  const CgroupFolder* unified = find_v2();
  if (signal_number == SIGKILL && unified != nullptr &&
      try_write_cgroup_file(unified->folder() + "/cgroup.kill", "1")) {
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
    // Whatever a damaged record says: no other folder is taken away.
    if (folder.path == "/" || !is_cgroup_mount(folder.mount)) continue;
    const std::string path = folder.folder();
    int error = 0;
    const bool is_gone = wait_until([&] {
      error = remove_cgroup_tree(path);
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
