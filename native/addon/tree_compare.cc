#include "addon/tree_compare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "addon/file_metadata.h"
#include "addon/folder_entries.h"
#include "addon/layer_path.h"
#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr size_t kChunkBytes = 256 * 1024;
constexpr const char* kTime = "time";

struct stat stat_of(int folder_fd, const std::string& path) {
  struct stat stat = {};
  const char* const name = path.empty() ? "." : path.c_str();
  if (::fstatat(folder_fd, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
    throw SysError(errno, "stat", path);
  return stat;
}

std::string link_at(int folder_fd, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(folder_fd, path.c_str(), target, sizeof target);
  if (length < 0) throw SysError(errno, "readlink", path);
  return {target, static_cast<size_t>(length)};
}

Attributes sorted(Attributes attributes) {
  std::sort(attributes.begin(), attributes.end());
  return attributes;
}

/** Fills the buffer unless the file ends. */
size_t read_full(int fd, char* buffer, const std::string& path) {
  size_t done = 0;
  while (done < kChunkBytes) {
    const ssize_t count =
        retry_interrupted([&] { return ::read(fd, buffer + done, kChunkBytes - done); });
    if (count < 0) throw SysError(errno, "read", path);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

class Comparison {
 public:
  Comparison(const std::string& folder, const std::string& other)
      : a_(open_file(folder, O_RDONLY | O_DIRECTORY)),
        b_(open_file(other, O_RDONLY | O_DIRECTORY)),
        buffer_a_(kChunkBytes),
        buffer_b_(kChunkBytes) {}

  std::string run() {
    // A folder's time tells only that something below has changed: it counts where nothing else is found.
    std::string folder_time;
    // Paths that are still to be looked at, the next one last: trees may be deeper than a stack.
    std::vector<std::string> left = {""};
    while (!left.empty()) {
      const std::string path = std::move(left.back());
      left.pop_back();
      const struct stat stat = stat_of(a_.get(), path);
      const std::string difference = compare(path, stat);
      if (!difference.empty()) {
        const std::string found = (path.empty() ? "/" : path) + ": " + difference;
        if (difference != kTime || !S_ISDIR(stat.st_mode)) return found;
        if (folder_time.empty()) folder_time = found;
      }
      if (!S_ISDIR(stat.st_mode)) continue;
      const std::vector<std::string> names = list_folder(a_.get(), path);
      const std::vector<std::string> others = list_folder(b_.get(), path);
      const auto [at, other] =
          std::mismatch(names.begin(), names.end(), others.begin(), others.end());
      if (at != names.end() && (other == others.end() || *at < *other))
        return join_path(path, *at) + ": missing";
      if (other != others.end()) return join_path(path, *other) + ": not part of the layer";
      for (auto name = names.rbegin(); name != names.rend(); ++name)
        left.push_back(join_path(path, *name));
    }
    return folder_time;
  }

 private:
  std::string compare(const std::string& path, const struct stat& stat) {
    const struct stat other = stat_of(b_.get(), path);
    const std::string difference = compare_all_but_time(path, stat, other);
    const bool is_same_time = stat.st_mtim.tv_sec == other.st_mtim.tv_sec &&
                              stat.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
    return difference.empty() && !is_same_time ? kTime : difference;
  }

  std::string compare_all_but_time(const std::string& path, const struct stat& stat,
                                   const struct stat& other) {
    const auto type = stat.st_mode & S_IFMT;
    if (type != (other.st_mode & S_IFMT)) return "type";
    if (stat.st_mode != other.st_mode) return "mode";
    if (stat.st_uid != other.st_uid || stat.st_gid != other.st_gid) return "owner";
    if (stat.st_rdev != other.st_rdev) return "device number";
    if (type != S_IFDIR && stat.st_nlink != other.st_nlink) return "number of hard links";
    if (type == S_IFLNK && link_at(a_.get(), path) != link_at(b_.get(), path))
      return "target of the link";
    if (sorted(attributes_at(a_.get(), path)) != sorted(attributes_at(b_.get(), path)))
      return "extended attributes";
    if (type == S_IFDIR)
      return is_marked(a_.get(), path) == is_marked(b_.get(), path) ? "" : "mark";
    if (type != S_IFREG) return "";
    if (stat.st_size != other.st_size) return "size";
    if (stat.st_nlink > 1) {
      const auto [known, is_new] = links_.try_emplace({stat.st_dev, stat.st_ino}, other.st_ino);
      if (known->second != other.st_ino) return "hard link";
      if (!is_new) return "";
    }
    return is_same_content(path) ? "" : "content";
  }

  static Attributes attributes_at(int folder_fd, const std::string& path) {
    return read_attributes_at(folder_fd, path.empty() ? "." : path);
  }

  static bool is_marked(int folder_fd, const std::string& path) {
    const UniqueFd fd =
        open_file(folder_fd, path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return is_opaque(fd.get());
  }

  bool is_same_content(const std::string& path) {
    const UniqueFd a = open_file(a_.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const UniqueFd b = open_file(b_.get(), path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    for (;;) {
      const size_t count = read_full(a.get(), buffer_a_.data(), path);
      if (read_full(b.get(), buffer_b_.data(), path) != count) return false;
      if (std::memcmp(buffer_a_.data(), buffer_b_.data(), count) != 0) return false;
      if (count < kChunkBytes) return true;
    }
  }

  const UniqueFd a_;
  const UniqueFd b_;
  std::vector<char> buffer_a_;
  std::vector<char> buffer_b_;
  std::map<std::pair<dev_t, ino_t>, ino_t> links_;
};

}  // namespace

std::string find_difference(const std::string& folder, const std::string& other) {
  return Comparison(folder, other).run();
}

}  // namespace ocup
