#include "addon/layer_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>
#include <optional>

#include "addon/folder_entries.h"
#include "addon/layer_error.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"

namespace ocup {

namespace {

/** Folders kept open: archives stay in one for a while and come back to those above it. */
constexpr size_t kMaxOpenFolders = 64;
/** As many links as the kernel follows in one path. */
constexpr int kMaxLinks = 40;
constexpr mode_t kSpecialBits = 07000;

/** Not there: undefined. */
std::optional<struct stat> find_stat(int folder_fd, const std::string& name) {
  struct stat stat = {};
  if (::fstatat(folder_fd, name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) == 0) return stat;
  if (errno == ENOENT) return std::nullopt;
  throw SysError(errno, "stat", name);
}

std::string read_link(int folder_fd, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(folder_fd, name.c_str(), target, sizeof target);
  if (length < 0) throw SysError(errno, "readlink", name);
  return {target, static_cast<size_t>(length)};
}

FileMetadata metadata_of(const TarEntry& entry) {
  return {entry.mode, entry.uid, entry.gid, entry.modified, entry.attributes};
}

}  // namespace

LayerTree::LayerTree(const std::string& folder, bool is_base, LayerLimits limits)
    : root_(open_file(folder, O_RDONLY | O_DIRECTORY)),
      is_base_(is_base),
      limits_(limits),
      privileges_(find_privileges(root_.get())),
      unspoken_({""}) {}

void LayerTree::begin(const TarEntry& entry) {
  const std::string path = clean_path(entry.path);
  count(entry);
  file_.reset();
  if (is_bookkeeping(path)) return;
  const SplitPath split = split_path(path);
  if (split.name.starts_with(kWhiteoutPrefix)) return add_whiteout(split);
  if (entry.type == TarType::kFolder) return add_folder(entry, path);
  if (path.empty()) fail_format("the layer replaces the top folder by something else");
  const LayerFolder parent = find_parent(split.parent);
  forget_link(join_path(parent.path, split.name));
  switch (entry.type) {
    case TarType::kFile:
      return add_file(entry, parent, split.name);
    case TarType::kHardLink:
      return add_hard_link(entry, parent, split.name);
    case TarType::kSymlink:
      return add_symlink(entry, parent, split.name);
    default:
      return add_node(entry, parent, split.name);
  }
}

void LayerTree::data(uint64_t offset, std::string_view bytes) {
  if (file_) file_.write(offset, bytes, file_entry_.path);
}

void LayerTree::end() {
  if (!file_) return;
  const TarEntry& entry = file_entry_;
  if (entry.is_sparse && ::ftruncate(file_.get(), static_cast<off_t>(entry.size)) < 0) {
    throw SysError(errno, "ftruncate", entry.path);
  }
  const bool has_other_owner = entry.uid != privileges_.uid || entry.gid != privileges_.gid;
  if (has_other_owner) set_owner(file_.get(), "", entry.uid, entry.gid, privileges_, skipped_);
  // A new owner takes set-id bits away, and so does writing.
  if ((entry.mode & kSpecialBits) != 0 && ::fchmod(file_.get(), entry.mode) < 0) {
    throw SysError(errno, "chmod", entry.path);
  }
  set_attributes(file_.get(), entry.attributes, privileges_, skipped_);
  const timespec times[2] = {entry.modified, entry.modified};
  if (::futimens(file_.get(), times) < 0) throw SysError(errno, "utimensat", entry.path);
  file_.reset();
}

void LayerTree::finish() {
  open_folders_.clear();
  const FileMetadata unspoken = {0755, privileges_.uid, privileges_.gid, {}, {}};
  for (const std::string& path : unspoken_) folders_.try_emplace(path, unspoken);
  // Deepest first: a folder may take away this process's own access.
  for (auto entry = folders_.rbegin(); entry != folders_.rend(); ++entry) {
    const auto& [path, metadata] = *entry;
    const UniqueFd fd(
        try_open_in_root(root_.get(), path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
    if (!fd) throw SysError(errno, "open", path);
    set_metadata(fd.get(), metadata, privileges_, skipped_);
  }
}

void LayerTree::count(const TarEntry& entry) {
  entries_ += 1;
  if (entries_ > limits_.entries) {
    fail_limit("the layer has more than " + std::to_string(limits_.entries) + " entries");
  }
  if (entry.type == TarType::kFile) {
    if (entry.size > limits_.bytes - bytes_) {
      fail_limit("the layer unpacks to more than " + std::to_string(limits_.bytes) + " bytes");
    }
    bytes_ += entry.size;
  }
}

LayerFolder LayerTree::find_parent(const std::string& path) {
  const auto known = open_folders_.find(path);
  if (known != open_folders_.end()) return {path, known->second.get()};
  UniqueFd fd(try_open_in_root(root_.get(), path, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
  // Links on the way, something missing, or in its place a whiteout: to be looked at name by name.
  if (!fd) return walk(path);
  if (open_folders_.size() == kMaxOpenFolders) open_folders_.clear();
  const auto [place, is_new] = open_folders_.emplace(path, std::move(fd));
  return {path, place->second.get()};
}

/** Resolves as a process whose root is the layer would, and makes the folders that are missing. */
LayerFolder LayerTree::walk(const std::string& path) {
  std::deque<std::string> names;
  push_names(names, path);
  std::string at;
  UniqueFd here = open_file(root_.get(), ".", O_PATH | O_DIRECTORY);
  const auto go_to = [&](const std::string& place) {
    here = UniqueFd(
        try_open_in_root(root_.get(), place, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
    if (!here) throw SysError(errno, "open", place);
    at = place;
  };
  for (int links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    if (name == "..") {
      go_to(split_path(at).parent);
      continue;
    }
    const std::optional<struct stat> stat = find_stat(here.get(), name);
    if (stat && S_ISLNK(stat->st_mode)) {
      if (++links > kMaxLinks) throw SysError(ELOOP, "open", path);
      const std::string target = read_link(here.get(), name);
      if (target.starts_with('/')) go_to("");
      push_names(names, target);
      continue;
    }
    if (!stat || is_whiteout(*stat)) {
      make_folder({at, here.get()}, name);
      unspoken_.insert(join_path(at, name));
    } else if (!S_ISDIR(stat->st_mode)) {
      throw SysError(ENOTDIR, "open", path);
    }
    if (at.size() + name.size() + 1 >= PATH_MAX) throw SysError(ENAMETOOLONG, "open", path);
    go_to(join_path(at, name));
  }
  if (open_folders_.size() == kMaxOpenFolders) open_folders_.clear();
  const auto place = open_folders_.insert_or_assign(at, std::move(here)).first;
  return {at, place->second.get()};
}

void LayerTree::add_whiteout(const SplitPath& path) {
  if (path.name == kOpaqueName) {
    const LayerFolder folder = find_parent(path.parent);
    if (is_base_) return;
    const UniqueFd fd = open_file(folder.fd, ".", O_RDONLY | O_DIRECTORY);
    mark_opaque(fd.get(), privileges_);
    return;
  }
  const std::string name = path.name.substr(kWhiteoutPrefix.size());
  if (name.empty() || name == "." || name == "..")
    fail_format("the layer removes a file without a name");
  if (is_base_) return;
  const LayerFolder parent = find_parent(path.parent);
  const std::optional<struct stat> stat = find_stat(parent.fd, name);
  if (stat && !S_ISDIR(stat->st_mode)) return;
  if (stat) {
    const UniqueFd fd = open_file(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    mark_opaque(fd.get(), privileges_);
    return;
  }
  if (::mknodat(parent.fd, name.c_str(), S_IFCHR, ::makedev(0, 0)) < 0) {
    throw SysError(errno, "mknod", join_path(parent.path, name));
  }
  // So that the snapshot is the same each time.
  constexpr timespec kNoTimes[2] = {};
  if (::utimensat(parent.fd, name.c_str(), kNoTimes, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "utimensat", join_path(parent.path, name));
  }
  whiteouts_.insert(join_path(parent.path, name));
}

void LayerTree::add_folder(const TarEntry& entry, const std::string& path) {
  std::string place;
  if (!path.empty()) {
    const SplitPath split = split_path(path);
    const LayerFolder parent = find_parent(split.parent);
    place = join_path(parent.path, split.name);
    forget_link(place);
    const std::optional<struct stat> stat = find_stat(parent.fd, split.name);
    if (!stat || !S_ISDIR(stat->st_mode)) make_folder(parent, split.name);
  }
  unspoken_.erase(place);
  folders_[place] = metadata_of(entry);
}

/** In the place of something else, such as a whiteout of the same layer, it hides what is below it.
 */
void LayerTree::make_folder(const LayerFolder& parent, const std::string& name) {
  const std::string path = join_path(parent.path, name);
  const bool was_removed = find_stat(parent.fd, name).has_value();
  if (was_removed) make_way(parent, name);
  if (::mkdirat(parent.fd, name.c_str(), 0700) < 0) throw SysError(errno, "mkdir", path);
  if (!was_removed || is_base_) return;
  const UniqueFd fd = open_file(parent.fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  mark_opaque(fd.get(), privileges_);
}

void LayerTree::add_file(const TarEntry& entry, const LayerFolder& parent,
                         const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = ::openat(parent.fd, name.c_str(), kFlags, entry.mode & 0777);
  if (fd < 0 && errno == EEXIST) {
    make_way(parent, name);
    fd = ::openat(parent.fd, name.c_str(), kFlags, entry.mode & 0777);
  }
  if (fd < 0) throw SysError(errno, "open", join_path(parent.path, name));
  file_ = FileWriter(UniqueFd(fd), entry.is_sparse ? 0 : entry.size);
  file_entry_ = entry;
}

void LayerTree::add_hard_link(const TarEntry& entry, const LayerFolder& parent,
                              const std::string& name) {
  const std::string path = join_path(parent.path, name);
  const SplitPath target = split_path(clean_path(entry.link));
  if (target.name.empty()) fail_format("hard link " + path + " has no target");
  const int parent_fd = parent.fd;
  UniqueFd above(try_open_in_root(root_.get(), target.parent, O_PATH | O_DIRECTORY));
  const std::optional<struct stat> found =
      above ? find_stat(above.get(), target.name) : std::nullopt;
  const std::optional<struct stat> present = find_stat(parent_fd, name);
  if (found && !is_whiteout(*found)) {
    const bool is_same =
        present && present->st_ino == found->st_ino && present->st_dev == found->st_dev;
    if (is_same) return;
    if (present) make_way(parent, name);
    if (::linkat(above.get(), target.name.c_str(), parent_fd, name.c_str(), 0) < 0) {
      throw SysError(errno, "link", path);
    }
    return;
  }
  if (present) make_way(parent, name);
  pending_links_.push_back({path, join_path(target.parent, target.name)});
}

void LayerTree::add_symlink(const TarEntry& entry, const LayerFolder& parent,
                            const std::string& name) {
  const std::string path = join_path(parent.path, name);
  if (entry.link.size() >= PATH_MAX)
    fail_limit("target of symbolic link " + path + " is longer than 4095 bytes");
  int result = ::symlinkat(entry.link.c_str(), parent.fd, name.c_str());
  if (result < 0 && errno == EEXIST) {
    make_way(parent, name);
    result = ::symlinkat(entry.link.c_str(), parent.fd, name.c_str());
  }
  if (result < 0) throw SysError(errno, "symlink", path);
  apply_to_node(entry, parent, name);
}

void LayerTree::add_node(const TarEntry& entry, const LayerFolder& parent,
                         const std::string& name) {
  const std::string path = join_path(parent.path, name);
  if (find_stat(parent.fd, name)) make_way(parent, name);
  mode_t type = S_IFIFO;
  if (entry.type == TarType::kCharDevice) type = S_IFCHR;
  if (entry.type == TarType::kBlockDevice) type = S_IFBLK;
  const dev_t device = ::makedev(entry.device_major, entry.device_minor);
  if (type == S_IFCHR && device == 0) fail_format("device 0:0 at " + path + " would remove a file");
  if (::mknodat(parent.fd, name.c_str(), type | (entry.mode & 0777), device) < 0) {
    if (errno != EPERM || type == S_IFIFO) throw SysError(errno, "mknod", path);
    // Devices are made by whoever has the privilege; a container gets its own /dev in any case.
    skipped_.devices += 1;
    if (!stand_in_for_device(parent.fd, name, type, device)) return;
    if (::fchmodat(parent.fd, name.c_str(), entry.mode & 0777, 0) < 0)
      throw SysError(errno, "chmod", path);
  }
  apply_to_node(entry, parent, name);
}

void LayerTree::apply_to_node(const TarEntry& entry, const LayerFolder& parent,
                              const std::string& name) {
  const bool has_other_owner = entry.uid != privileges_.uid || entry.gid != privileges_.gid;
  if (has_other_owner)
    set_owner(parent.fd, name.c_str(), entry.uid, entry.gid, privileges_, skipped_);
  const bool has_mode = entry.type != TarType::kSymlink;
  if (has_mode && (entry.mode & kSpecialBits) != 0 &&
      ::fchmodat(parent.fd, name.c_str(), entry.mode, 0) < 0) {
    throw SysError(errno, "chmod", join_path(parent.path, name));
  }
  set_attributes_at(parent.fd, name, entry.attributes, privileges_, skipped_);
  const timespec times[2] = {entry.modified, entry.modified};
  if (::utimensat(parent.fd, name.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "utimensat", join_path(parent.path, name));
  }
}

/** Takes away what is at `name`, so that something else can take its place. */
void LayerTree::make_way(const LayerFolder& parent, const std::string& name) {
  forget(join_path(parent.path, name));
  remove_tree(parent.fd, name);
}

void LayerTree::forget(const std::string& path) {
  const std::string below = path + "/";
  const auto drop = [&](auto& places, auto key) {
    places.erase(path);
    for (auto place = places.lower_bound(below);
         place != places.end() && key(*place).starts_with(below);) {
      place = places.erase(place);
    }
  };
  drop(folders_, [](const auto& entry) -> const std::string& { return entry.first; });
  drop(unspoken_, [](const std::string& entry) -> const std::string& { return entry; });
  drop(whiteouts_, [](const std::string& entry) -> const std::string& { return entry; });
  std::erase_if(open_folders_, [&](const auto& folder) {
    return folder.first == path || folder.first.starts_with(below);
  });
  std::erase_if(pending_links_, [&](const PendingLink& link) {
    return link.path == path || link.path.starts_with(below);
  });
}

void LayerTree::forget_link(const std::string& path) {
  std::erase_if(pending_links_, [&](const PendingLink& link) { return link.path == path; });
}

}  // namespace ocup
