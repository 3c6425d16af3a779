#include "copy/tree_archiver.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <vector>

#include "addon/file_metadata.h"
#include "base/error.h"
#include "base/file.h"
#include "base/tree_copy.h"

namespace ocup::copy {

namespace {

constexpr size_t kChunkBytes = 256u << 10;

std::string read_link_at(int parent_fd, const char* file) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(parent_fd, file, target, sizeof target);
  if (length < 0) throw SysError(errno, "readlink", file);
  return {target, static_cast<size_t>(length)};
}

TarEntry entry_of(const struct stat& info, const std::string& name) {
  TarEntry entry;
  entry.path = name;
  entry.mode = info.st_mode & 07777;
  entry.uid = info.st_uid;
  entry.gid = info.st_gid;
  entry.modified = info.st_mtim;
  return entry;
}

}  // namespace

void TreeArchiver::add(const Target& target, const std::string& name) {
  add_entry(target.parent.get(), target.name.c_str(), name);
}

void TreeArchiver::add_entry(int parent_fd, const char* file, const std::string& name) {
  struct stat info = {};
  if (::fstatat(parent_fd, file, &info, AT_SYMLINK_NOFOLLOW) < 0) {
    throw SysError(errno, "stat", name);
  }
  TarEntry entry = entry_of(info, name);
  if (S_ISDIR(info.st_mode)) return add_folder(parent_fd, file, entry);
  if (S_ISSOCK(info.st_mode)) return;
  if (add_hard_link(info, entry)) return;
  if (S_ISREG(info.st_mode)) return add_file(parent_fd, file, entry);
  if (S_ISLNK(info.st_mode)) {
    entry.type = TarType::kSymlink;
    entry.link = read_link_at(parent_fd, file);
  } else {
    entry.type = S_ISFIFO(info.st_mode)  ? TarType::kFifo
                 : S_ISCHR(info.st_mode) ? TarType::kCharDevice
                                         : TarType::kBlockDevice;
    entry.device_major = ::major(info.st_rdev);
    entry.device_minor = ::minor(info.st_rdev);
  }
  writer_.begin(entry);
  writer_.end();
}

bool TreeArchiver::add_hard_link(const struct stat& info, TarEntry& entry) {
  if (info.st_nlink < 2) return false;
  const auto [found, is_new] = linked_.try_emplace({info.st_dev, info.st_ino}, entry.path);
  if (is_new) return false;
  entry.type = TarType::kHardLink;
  entry.link = found->second;
  writer_.begin(entry);
  writer_.end();
  return true;
}

void TreeArchiver::add_folder(int parent_fd, const char* file, TarEntry& entry) {
  const UniqueFd folder = open_file(parent_fd, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  entry.type = TarType::kFolder;
  entry.attributes = read_metadata(folder.get()).attributes;
  writer_.begin(entry);
  writer_.end();
  std::vector<std::string> names;
  each_entry(folder.get(), [&](const char* name) { names.emplace_back(name); });
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    try {
      add_entry(folder.get(), name.c_str(), entry.path + "/" + name);
    } catch (const SysError& error) {
      // What lives there goes on: a file that has gone since the folder was read is not missed.
      if (error.error_number() != ENOENT) throw;
    }
  }
}

void TreeArchiver::add_file(int parent_fd, const char* file, TarEntry& entry) {
  // It may have become a FIFO, which would block, or a terminal.
  const UniqueFd fd = open_file(parent_fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat info = {};
  if (::fstat(fd.get(), &info) < 0) throw SysError(errno, "fstat", entry.path);
  if (!S_ISREG(info.st_mode)) throw SysError(ENOENT, "open", entry.path);
  entry.size = static_cast<uint64_t>(info.st_size);
  entry.attributes = read_metadata(fd.get()).attributes;
  writer_.begin(entry);
  send_content(fd.get(), entry.size);
  writer_.end();
}

/** The header has promised `size` bytes: a file that shrinks is filled up, one that grows is cut.
 */
void TreeArchiver::send_content(int fd, uint64_t size) {
  std::string chunk(kChunkBytes, '\0');
  while (size > 0) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(size, chunk.size()));
    const ssize_t count = retry_interrupted([&] { return ::read(fd, chunk.data(), wanted); });
    if (count < 0) throw SysError(errno, "read", "file");
    if (count == 0) std::fill(chunk.begin(), chunk.end(), '\0');
    const size_t got = count == 0 ? wanted : static_cast<size_t>(count);
    writer_.data({chunk.data(), got});
    size -= got;
  }
}

}  // namespace ocup::copy
