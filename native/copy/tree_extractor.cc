#include "copy/tree_extractor.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "addon/layer_path.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"
#include "copy/target.h"

namespace ocup::copy {

namespace {

constexpr const char* kTemporary = ".ocup-copy.";
constexpr size_t kCopyBytes = 256u << 10;

/** What is at `name`, or nothing: 0. */
mode_t type_at(int parent_fd, const std::string& name) {
  struct stat info = {};
  if (::fstatat(parent_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    return info.st_mode & S_IFMT;
  }
  if (errno != ENOENT) throw SysError(errno, "stat", name);
  return 0;
}

void remove_if_there(int parent_fd, const std::string& name) {
  const mode_t type = type_at(parent_fd, name);
  if (type == 0) return;
  if (type == S_IFDIR) throw UserError("cannot overwrite directory with non-directory: " + name);
  if (::unlinkat(parent_fd, name.c_str(), 0) < 0) throw SysError(errno, "unlink", name);
}

}  // namespace

TreeExtractor::TreeExtractor(int root_fd, const Request& request)
    : root_fd_(root_fd), request_(request) {
  if (!request.is_plain_archive) return;
  base_ = open_in_root(root_fd, request.path, O_RDONLY | O_DIRECTORY);
  privileges_ = find_privileges(base_.get());
  has_begun_ = true;
}

void TreeExtractor::choose_place(const TarEntry& first) {
  const bool is_folder = first.type == TarType::kFolder;
  const bool is_contents = clean_path(first.path).empty();
  Target target = find_target(root_fd_, request_.path, true);
  drops_first_name_ = !is_contents;
  if (target.exists && target.is_folder) {
    base_ = open_file(target.parent.get(), target.name, O_RDONLY | O_DIRECTORY);
    new_name_ = is_contents ? "" : split_path(clean_path(first.path)).name;
  } else {
    if (target.exists && is_folder) {
      throw UserError("cannot copy a directory to a file: " + request_.path);
    }
    if (!is_folder && names_folder(request_.path)) {
      throw UserError("not a directory: " + request_.path);
    }
    base_ = open_file(target.parent.get(), ".", O_RDONLY | O_DIRECTORY);
    new_name_ = target.name;
  }
  privileges_ = find_privileges(base_.get());
  has_begun_ = true;
}

std::string TreeExtractor::place_of_path(const std::string& path) const {
  std::string rest = clean_path(path);
  if (request_.is_plain_archive) return rest;
  if (drops_first_name_) {
    const size_t slash = rest.find('/');
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
  }
  if (new_name_.empty()) return rest;
  return rest.empty() ? new_name_ : join_path(new_name_, rest);
}

std::string TreeExtractor::place_of(const TarEntry& entry) const {
  return place_of_path(entry.path);
}

/** The folder that holds it, made where the archive does not name it. */
TreeExtractor::Place TreeExtractor::open_place(const std::string& path) {
  const SplitPath split = split_path(path);
  UniqueFd folder = open_file(base_.get(), ".", O_RDONLY | O_DIRECTORY);
  std::string rest = split.parent;
  while (!rest.empty()) {
    const size_t slash = rest.find('/');
    const std::string name = rest.substr(0, slash);
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (::mkdirat(folder.get(), name.c_str(), 0755) < 0 && errno != EEXIST) {
      throw SysError(errno, "mkdir", name);
    }
    // A link in the way would lead out of the place that was named.
    folder = open_file(folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
  return {std::move(folder), split.name};
}

void TreeExtractor::begin(const TarEntry& entry) {
  if (!has_begun_) choose_place(entry);
  entry_ = entry;
  const std::string path = place_of(entry);
  if (path.empty()) return;
  Place place = open_place(path);
  switch (entry.type) {
    case TarType::kFolder:
      return make_folder(place, entry, path);
    case TarType::kFile:
      return open_new_file(std::move(place), entry);
    case TarType::kHardLink:
      return link_file(place, entry);
    default:
      return make_node(place, entry);
  }
}

void TreeExtractor::make_folder(const Place& place, const TarEntry& entry,
                                const std::string& path) {
  const mode_t there = type_at(place.parent.get(), place.name);
  if (there != 0 && there != S_IFDIR) {
    throw UserError("cannot overwrite non-directory with directory: " + path);
  }
  if (there == 0 && ::mkdirat(place.parent.get(), place.name.c_str(), 0700) < 0) {
    throw SysError(errno, "mkdir", path);
  }
  const UniqueFd folder =
      open_file(place.parent.get(), place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  set_metadata_of(folder.get(), entry);
  folder_times_.emplace_back(path, entry.modified);
}

void TreeExtractor::open_new_file(Place place, const TarEntry& entry) {
  if (type_at(place.parent.get(), place.name) == S_IFDIR) {
    throw UserError("cannot overwrite directory with non-directory: " + entry.path);
  }
  temporary_name_ = kTemporary + std::to_string(::getpid());
  ::unlinkat(place.parent.get(), temporary_name_.c_str(), 0);
  file_ = open_file(place.parent.get(), temporary_name_, O_RDWR | O_CREAT | O_EXCL, 0600);
  file_place_ = std::move(place);
  if (entry.size > 0 && entry.is_sparse &&
      ::ftruncate(file_.get(), static_cast<off_t>(entry.size)) < 0) {
    throw SysError(errno, "ftruncate", entry.path);
  }
}

void TreeExtractor::data(uint64_t offset, std::string_view bytes) {
  while (file_ && !bytes.empty()) {
    const ssize_t count = retry_interrupted([&] {
      return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (count < 0) {
      const int error_number = errno;
      ::unlinkat(file_place_.parent.get(), temporary_name_.c_str(), 0);
      throw SysError(error_number, "write", entry_.path);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
}

void TreeExtractor::end() {
  if (!file_) return;
  set_metadata_of(file_.get(), entry_);
  replace_file();
  file_.reset();
}

void TreeExtractor::replace_file() {
  const int parent = file_place_.parent.get();
  const char* const name = file_place_.name.c_str();
  if (::renameat(parent, temporary_name_.c_str(), parent, name) == 0) return;
  const int error_number = errno;
  ::unlinkat(parent, temporary_name_.c_str(), 0);
  if (error_number != EBUSY) throw SysError(error_number, "rename", name);
  // Something is mounted on it, such as /etc/hosts: it can be written, not replaced.
  const UniqueFd there = open_file(parent, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (::ftruncate(there.get(), 0) < 0) throw SysError(errno, "ftruncate", name);
  std::string chunk(kCopyBytes, '\0');
  for (off_t at = 0;;) {
    const ssize_t count =
        retry_interrupted([&] { return ::pread(file_.get(), chunk.data(), chunk.size(), at); });
    if (count < 0) throw SysError(errno, "read", name);
    if (count == 0) return;
    write_all(there.get(), {chunk.data(), static_cast<size_t>(count)}, name);
    at += count;
  }
}

void TreeExtractor::make_node(const Place& place, const TarEntry& entry) {
  const int parent = place.parent.get();
  const char* const name = place.name.c_str();
  remove_if_there(parent, place.name);
  if (entry.type == TarType::kSymlink) {
    if (::symlinkat(entry.link.c_str(), parent, name) < 0) throw SysError(errno, "symlink", name);
  } else {
    const mode_t type = entry.type == TarType::kFifo         ? S_IFIFO
                        : entry.type == TarType::kCharDevice ? S_IFCHR
                                                             : S_IFBLK;
    const dev_t device = ::makedev(entry.device_major, entry.device_minor);
    if (::mknodat(parent, name, type | (entry.mode & 07777), device) < 0) {
      if (errno != EPERM) throw SysError(errno, "mknod", name);
      skipped_.devices += 1;
      return;
    }
  }
  if (request_.keeps_owner) {
    set_owner(parent, name, entry.uid, entry.gid, privileges_, skipped_);
  }
  const timespec times[2] = {entry.modified, entry.modified};
  ::utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

void TreeExtractor::link_file(const Place& place, const TarEntry& entry) {
  const Place source = open_place(place_of_path(entry.link));
  remove_if_there(place.parent.get(), place.name);
  if (::linkat(source.parent.get(), source.name.c_str(), place.parent.get(), place.name.c_str(),
               0) < 0) {
    throw SysError(errno, "link", entry.path);
  }
}

void TreeExtractor::set_metadata_of(int fd, const TarEntry& entry) {
  if (request_.keeps_owner) {
    const FileMetadata metadata = {entry.mode, entry.uid, entry.gid, entry.modified,
                                   entry.attributes};
    return set_metadata(fd, metadata, privileges_, skipped_);
  }
  if (::fchmod(fd, entry.mode & 07777) < 0) throw SysError(errno, "chmod", entry.path);
  const timespec times[2] = {entry.modified, entry.modified};
  if (::futimens(fd, times) < 0) throw SysError(errno, "utimensat", entry.path);
}

void TreeExtractor::finish() {
  for (auto folder = folder_times_.rbegin(); folder != folder_times_.rend(); ++folder) {
    const Place place = open_place(folder->first);
    const timespec times[2] = {folder->second, folder->second};
    ::utimensat(place.parent.get(), place.name.c_str(), times, AT_SYMLINK_NOFOLLOW);
  }
}

}  // namespace ocup::copy
