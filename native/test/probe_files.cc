#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <sstream>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "test/probe.h"

namespace ocup {

namespace {

/** Files of both layouts that config.json has words for, with what the kernel adds to them. */
constexpr const char* kCgroupFiles[] = {
    "memory/memory.limit_in_bytes",
    "memory/memory.memsw.limit_in_bytes",
    "memory/memory.soft_limit_in_bytes",
    "memory/memory.swappiness",
    "memory/memory.oom_control",
    "memory/memory.use_hierarchy",
    "cpu/cpu.shares",
    "cpu/cpu.cfs_quota_us",
    "cpu/cpu.cfs_period_us",
    "cpu/cpu.cfs_burst_us",
    "cpu/cpu.idle",
    "cpu/cpu.rt_runtime_us",
    "cpu/cpu.rt_period_us",
    "cpuset/cpuset.cpus",
    "cpuset/cpuset.mems",
    "pids/pids.max",
    "blkio/blkio.throttle.read_bps_device",
    "blkio/blkio.throttle.write_bps_device",
    "blkio/blkio.throttle.read_iops_device",
    "blkio/blkio.throttle.write_iops_device",
    "blkio/blkio.bfq.weight",
    "devices/devices.list",
    "freezer/freezer.state",
    "memory.max",
    "memory.min",
    "memory.low",
    "memory.high",
    "memory.swap.max",
    "memory.zswap.max",
    "memory.oom.group",
    "cpu.max",
    "cpu.max.burst",
    "cpu.weight",
    "cpu.weight.nice",
    "cpu.idle",
    "cpu.uclamp.min",
    "cpu.uclamp.max",
    "cpuset.cpus",
    "cpuset.mems",
    "pids.max",
    "io.max",
    "io.weight",
    "io.bfq.weight",
    "hugetlb.2MB.max",
    "hugetlb.2MB.rsvd.max",
    "cgroup.type",
    "cgroup.freeze",
    "cgroup.controllers",
    "cgroup.subtree_control",
    "cgroup.max.depth",
    "cgroup.max.descendants",
};

/** A field of mountinfo, where the kernel writes spaces and the like as octal numbers. */
std::string unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

/** `shared` of `shared:12`: the numbers differ from run to run. */
std::string propagation_of(const std::string& field) { return field.substr(0, field.find(':')); }

void probe_mount(Facts& facts, std::map<std::string, int>& counts, const std::string& line) {
  std::istringstream words(line);
  std::string id, parent, device, root, target, options, word, propagation, type, source, super;
  words >> id >> parent >> device >> root >> target >> options;
  while (words >> word && word != "-")
    propagation += (propagation.empty() ? "" : " ") + propagation_of(word);
  words >> type >> source >> super;
  std::string name = "mount." + unescape(target);
  if (const int count = ++counts[name]; count > 1) name += "#" + std::to_string(count);
  facts[name + ".type"] = type;
  facts[name + ".source"] = source;
  facts[name + ".root"] = unescape(root);
  facts[name + ".options"] = options;
  facts[name + ".super"] = super;
  facts[name + ".propagation"] = propagation.empty() ? "private" : propagation;
}

char type_letter(mode_t mode) {
  if (S_ISDIR(mode)) return 'd';
  if (S_ISLNK(mode)) return 'l';
  if (S_ISCHR(mode)) return 'c';
  if (S_ISBLK(mode)) return 'b';
  if (S_ISFIFO(mode)) return 'p';
  return S_ISSOCK(mode) ? 's' : '-';
}

std::string describe(const std::string& path) {
  struct stat stat = {};
  if (::lstat(path.c_str(), &stat) < 0) return answer(false);
  char text[96];
  ::snprintf(text, sizeof text, "%c%04o %u:%u", type_letter(stat.st_mode), stat.st_mode & 07777u,
             stat.st_uid, stat.st_gid);
  std::string result = text;
  if (S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode)) {
    result +=
        " dev " + std::to_string(major(stat.st_rdev)) + ":" + std::to_string(minor(stat.st_rdev));
  }
  if (S_ISLNK(stat.st_mode)) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    result += " -> " + std::string(target, static_cast<size_t>(std::max<ssize_t>(length, 0)));
  }
  return result;
}

std::string read_answer(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return answer(false);
  char buffer[200];
  const ssize_t count = ::read(fd, buffer, sizeof buffer);
  std::string result = count < 0 ? answer(false) : std::string(buffer, static_cast<size_t>(count));
  ::close(fd);
  return result;
}

std::string write_answer(const std::string& path, bool is_folder) {
  const std::string file = is_folder ? path + "/.probe" : path;
  const int fd =
      ::open(file.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | (is_folder ? O_CREAT : 0), 0644);
  const std::string result = answer(fd >= 0);
  if (fd >= 0) ::close(fd);
  if (fd >= 0 && is_folder) ::unlink(file.c_str());
  return result;
}

}  // namespace

void probe_mounts(Facts& facts) {
  std::istringstream lines;
  try {
    lines.str(read_file("/proc/self/mountinfo"));
  } catch (const SysError&) {
    facts["mounts"] = "not to be seen";
    return;
  }
  std::map<std::string, int> counts;
  for (std::string line; std::getline(lines, line);) probe_mount(facts, counts, line);
}

void probe_tree(Facts& facts, const std::string& folder) {
  DIR* listing = ::opendir(folder.c_str());
  if (listing == nullptr) {
    facts["tree." + folder] = answer(false);
    return;
  }
  std::vector<std::string> folders;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = folder + (folder == "/" ? "" : "/") + name;
    const std::string text = describe(path);
    facts["tree." + path] = text;
    if (text[0] == 'd') folders.push_back(path);
  }
  ::closedir(listing);
  for (const auto& path : folders) probe_tree(facts, path);
}

void probe_path(Facts& facts, const std::string& path) {
  struct stat stat = {};
  const bool is_there = ::stat(path.c_str(), &stat) == 0;
  facts["path." + path + ".is"] = describe(path);
  if (!is_there) return;
  const bool is_folder = S_ISDIR(stat.st_mode);
  if (is_folder) {
    DIR* listing = ::opendir(path.c_str());
    int count = 0;
    while (listing != nullptr && ::readdir(listing) != nullptr) ++count;
    facts["path." + path + ".read"] = listing == nullptr ? answer(false)
                                      : count > 2        ? "has entries"
                                                         : "empty";
    if (listing != nullptr) ::closedir(listing);
  } else {
    facts["path." + path + ".read"] = read_answer(path);
  }
  facts["path." + path + ".write"] = write_answer(path, is_folder);
}

void probe_cgroup(Facts& facts) {
  std::istringstream lines;
  try {
    lines.str(read_file("/proc/self/cgroup"));
  } catch (const SysError&) {
    return;
  }
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    const size_t second = line.find(':', colon + 1);
    facts["cgroup.of." + line.substr(colon + 1, second - colon - 1)] = line.substr(second + 1);
  }
  for (const char* file : kCgroupFiles) {
    try {
      std::string text = read_file(std::string("/sys/fs/cgroup/") + file);
      facts[std::string("cgroup.file.") + file] = text;
    } catch (const SysError& error) {
      if (error.error_number() != ENOENT && error.error_number() != ENOTDIR)
        facts[std::string("cgroup.file.") + file] = errno_text(error.error_number());
    }
  }
}

}  // namespace ocup
