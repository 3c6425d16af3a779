#include "addon/file_metadata.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr const char* kTrustedOpaque = "trusted.overlay.opaque";
constexpr const char* kUserOpaque = "user.overlay.opaque";
constexpr const char* kDeviceAttribute = "user.ocup.device";
constexpr size_t kMaxValueBytes = 65536;

bool is_of_overlay(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

/** File systems without attributes, and kinds of them that need privileges this process lacks. */
bool can_be_skipped(int error_number, const Privileges& privileges) {
  if (error_number == ENOTSUP) return true;
  return error_number == EPERM && !(privileges.has_all_ids && privileges.has_trusted);
}

/** A way to name a file in an open folder for calls that take paths only. */
std::string path_below(int folder_fd, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(folder_fd) + "/" + name;
}

template <typename List, typename Get>
Attributes read_attributes(List list, Get get) {
  Attributes attributes;
  std::string names(4096, '\0');
  ssize_t length = list(names.data(), names.size());
  if (length < 0 && errno == ERANGE) {
    names.resize(kMaxValueBytes);
    length = list(names.data(), names.size());
  }
  for (size_t at = 0; length > 0 && at < static_cast<size_t>(length);) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (is_of_overlay(name)) continue;
    std::string value(kMaxValueBytes, '\0');
    const ssize_t size = get(name.c_str(), value.data(), value.size());
    if (size < 0) continue;
    value.resize(static_cast<size_t>(size));
    attributes.emplace_back(name, value);
  }
  return attributes;
}

bool maps_all_ids() {
  const std::string map = read_file("/proc/self/uid_map");
  unsigned long inside = 1;
  unsigned long outside = 1;
  unsigned long count = 0;
  return ::sscanf(map.c_str(), "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 &&
         outside == 0 && count == 4294967295ul;
}

bool is_owner_refused(const Privileges& privileges) {
  const bool is_lot = errno == EPERM || errno == EINVAL;
  return is_lot && !privileges.has_all_ids;
}

}  // namespace

Privileges find_privileges(int folder_fd) {
  Privileges privileges = {};
  privileges.uid = ::geteuid();
  privileges.gid = ::getegid();
  privileges.has_all_ids = privileges.uid == 0 && maps_all_ids();
  const char probe = 'y';
  const char* const name = "trusted.overlay.ocup-probe";
  privileges.has_trusted = ::fsetxattr(folder_fd, name, &probe, 1, 0) == 0;
  if (privileges.has_trusted) ::fremovexattr(folder_fd, name);
  return privileges;
}

void set_owner(int folder_fd, const char* name, uid_t uid, gid_t gid, const Privileges& privileges,
               Skipped& skipped) {
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::fchownat(folder_fd, name, uid, gid, flags) == 0) return;
  if (!is_owner_refused(privileges)) throw SysError(errno, "chown", name);
  skipped.owners += 1;
}

bool stand_in_for_device(int folder_fd, const std::string& name, mode_t type, dev_t device) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const UniqueFd file = open_file(folder_fd, name, flags, 0600);
  const std::string value = std::string(type == S_IFBLK ? "b " : "c ") +
                            std::to_string(::major(device)) + ":" + std::to_string(::minor(device));
  if (::fsetxattr(file.get(), kDeviceAttribute, value.data(), value.size(), 0) == 0) return true;
  if (errno != ENOTSUP) throw SysError(errno, "setxattr", name);
  if (::unlinkat(folder_fd, name.c_str(), 0) < 0) throw SysError(errno, "unlink", name);
  return false;
}

void set_attributes(int fd, const Attributes& attributes, const Privileges& privileges,
                    Skipped& skipped) {
  for (const auto& [name, value] : attributes) {
    if (is_of_overlay(name)) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (!can_be_skipped(errno, privileges)) throw SysError(errno, "setxattr", name);
    skipped.attributes += 1;
  }
}

void set_attributes_at(int folder_fd, const std::string& name, const Attributes& attributes,
                       const Privileges& privileges, Skipped& skipped) {
  const std::string path = attributes.empty() ? "" : path_below(folder_fd, name);
  for (const auto& [key, value] : attributes) {
    if (is_of_overlay(key)) continue;
    if (::lsetxattr(path.c_str(), key.c_str(), value.data(), value.size(), 0) == 0) continue;
    // user.* exists on files and folders only.
    if (errno != EPERM && !can_be_skipped(errno, privileges))
      throw SysError(errno, "setxattr", key);
    skipped.attributes += 1;
  }
}

void set_metadata(int fd, const FileMetadata& metadata, const Privileges& privileges,
                  Skipped& skipped) {
  // A new owner takes set-id bits and file capabilities away; writing takes them too.
  set_owner(fd, "", metadata.uid, metadata.gid, privileges, skipped);
  if (::fchmod(fd, metadata.mode & 07777) < 0) throw SysError(errno, "chmod");
  set_attributes(fd, metadata.attributes, privileges, skipped);
  const timespec times[2] = {metadata.modified, metadata.modified};
  if (::futimens(fd, times) < 0) throw SysError(errno, "utimensat");
}

FileMetadata read_metadata(int fd) {
  struct stat stat = {};
  if (::fstat(fd, &stat) < 0) throw SysError(errno, "fstat");
  FileMetadata metadata;
  metadata.mode = stat.st_mode & 07777;
  metadata.uid = stat.st_uid;
  metadata.gid = stat.st_gid;
  metadata.modified = stat.st_mtim;
  metadata.attributes =
      read_attributes([&](char* names, size_t size) { return ::flistxattr(fd, names, size); },
                      [&](const char* name, char* value, size_t size) {
                        return ::fgetxattr(fd, name, value, size);
                      });
  return metadata;
}

Attributes read_attributes_at(int folder_fd, const std::string& name) {
  const std::string path = path_below(folder_fd, name);
  return read_attributes(
      [&](char* names, size_t size) { return ::llistxattr(path.c_str(), names, size); },
      [&](const char* key, char* value, size_t size) {
        return ::lgetxattr(path.c_str(), key, value, size);
      });
}

void mark_opaque(int fd, const Privileges& privileges) {
  const char* const name = privileges.has_trusted ? kTrustedOpaque : kUserOpaque;
  if (::fsetxattr(fd, name, "y", 1, 0) < 0) throw SysError(errno, "setxattr", name);
}

bool is_opaque(int fd) {
  char value = 0;
  return (::fgetxattr(fd, kTrustedOpaque, &value, 1) == 1 && value == 'y') ||
         (::fgetxattr(fd, kUserOpaque, &value, 1) == 1 && value == 'y');
}

bool is_whiteout(const struct stat& stat) {
  return S_ISCHR(stat.st_mode) && stat.st_rdev == ::makedev(0, 0);
}

}  // namespace ocup
