#include "shim/copy_up.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"
#include "base/tree_copy.h"

namespace ocup::shim {

namespace {

// What a copy goes through, in the volume itself so that a rename can end it:
//
//     (empty) ── copy ──▶ .ocup-copy-up.partial ── rename ──▶ .ocup-copy-up ── its entries move up
//     ──▶ (filled)
//
// A folder of the first name is worthless, one of the second is complete.
constexpr const char* kPartial = ".ocup-copy-up.partial";
constexpr const char* kComplete = ".ocup-copy-up";

bool is_empty(int folder_fd) {
  bool has_entry = false;
  each_entry(folder_fd, [&](const char*) { has_entry = true; });
  return !has_entry;
}

void fill(int source_fd, int volume_fd) {
  if (::mkdirat(volume_fd, kPartial, 0700) < 0) throw SysError(errno, "mkdir", kPartial);
  try {
    const UniqueFd partial = open_file(volume_fd, kPartial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    TreeCopy(partial.get()).copy_folder(source_fd, partial.get());
    if (::renameat(volume_fd, kPartial, volume_fd, kComplete) < 0) {
      throw SysError(errno, "rename", kPartial);
    }
  } catch (const SysError&) {
    remove_tree(volume_fd, kPartial);
    throw;
  }
}

void move_up(int volume_fd) {
  const UniqueFd complete = open_file(volume_fd, kComplete, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  each_entry(complete.get(), [&](const char* name) {
    if (::renameat(complete.get(), name, volume_fd, name) < 0)
      throw SysError(errno, "rename", name);
  });
}

}  // namespace

void copy_up(const std::string& root, const std::string& source, const std::string& volume) {
  const UniqueFd root_fd = open_file(root, O_PATH | O_DIRECTORY);
  const UniqueFd source_fd(try_open_in_root(root_fd.get(), source, O_RDONLY | O_DIRECTORY));
  if (!source_fd && (errno == ENOENT || errno == ENOTDIR)) return;
  if (!source_fd) throw SysError(errno, "open", source);
  const UniqueFd volume_fd = open_file(volume, O_RDONLY | O_DIRECTORY);
  if (retry_interrupted([&] { return ::flock(volume_fd.get(), LOCK_EX); }) < 0) {
    throw SysError(errno, "flock", volume);
  }
  remove_tree(volume_fd.get(), kPartial);
  if (::faccessat(volume_fd.get(), kComplete, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
    if (!is_empty(volume_fd.get())) return;
    fill(source_fd.get(), volume_fd.get());
  }
  move_up(volume_fd.get());
  copy_attributes(source_fd.get(), volume_fd.get());
  if (::unlinkat(volume_fd.get(), kComplete, AT_REMOVEDIR) < 0) {
    throw SysError(errno, "rmdir", kComplete);
  }
  copy_times(source_fd.get(), volume_fd.get());
}

}  // namespace ocup::shim
