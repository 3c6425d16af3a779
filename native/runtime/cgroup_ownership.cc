#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"

namespace ocup {

namespace {

bool has_writable_cgroup_mount(const Spec& spec) {
  for (const auto& mount : spec.mounts) {
    const bool is_cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
    if (is_cgroup && (mount.options.set & MOUNT_ATTR_RDONLY) == 0) return true;
  }
  return false;
}

std::optional<uid_t> host_id_of(uid_t id, const std::vector<IdMapping>& mappings) {
  for (const auto& mapping : mappings) {
    if (id >= mapping.container_id && id - mapping.container_id < mapping.size) {
      return mapping.host_id + (id - mapping.container_id);
    }
  }
  return std::nullopt;
}

/** What the kernel says may be handed to whoever a cgroup is delegated to. */
std::vector<std::string> delegated_files() {
  std::vector<std::string> names = {"."};
  constexpr const char* kList = "/sys/kernel/cgroup/delegate";
  const std::string text = ::access(kList, R_OK) == 0
                               ? read_file(kList)
                               : "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    if (end > start) names.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return names;
}

}  // namespace

void hand_over_cgroup(const Cgroup& cgroup, const Spec& spec) {
  if (!cgroup.is_unified() || !spec.makes_namespace(CLONE_NEWCGROUP) ||
      !spec.makes_namespace(CLONE_NEWUSER) || !has_writable_cgroup_mount(spec)) {
    return;
  }
  const auto owner = host_id_of(spec.process->user.uid, spec.uid_mappings);
  if (!owner) return;
  const UniqueFd folder = open_cgroup_file(cgroup.folders().front().folder(), O_PATH | O_DIRECTORY);
  for (const auto& name : delegated_files()) {
    // A file of a controller that is not here is not there.
    if (::fchownat(folder.get(), name.c_str(), *owner, static_cast<gid_t>(-1), 0) < 0 &&
        errno != ENOENT && errno != EPERM) {
      throw SysError(errno, "chown", cgroup.folders().front().folder() + "/" + name);
    }
  }
}

}  // namespace ocup
