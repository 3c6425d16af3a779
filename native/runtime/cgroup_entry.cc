#include "runtime/cgroup_entry.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

UniqueFd open_birth_cgroup(const Cgroup& cgroup) {
  const CgroupFolder* folder = cgroup.find_v2();
  if (folder == nullptr) return UniqueFd();
  return UniqueFd(::open(folder->folder().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void admit_to_cgroups(const Channel& channel, const Cgroup& cgroup) {
  std::vector<UniqueFd> doors;
  std::string names;
  for (const auto& folder : cgroup.folders()) {
    if (folder.is_v2) continue;
    doors.push_back(open_cgroup_file(folder.folder() + "/tasks", O_WRONLY));
    names += folder.controllers + "\n";
  }
  channel.send_all(Step::kCgroupReady, names, doors);
}

void enter_cgroups(const Channel& channel) {
  const Message message = channel.expect(Step::kCgroupReady);
  size_t start = 0;
  for (const auto& door : message.fds) {
    const size_t end = message.text.find('\n', start);
    if (::write(door.get(), "0", 1) != 1) {
      throw SysError(errno, "write", "tasks of cgroup " + message.text.substr(start, end - start));
    }
    start = end + 1;
  }
}

}  // namespace ocup
