#include "base/path_walk.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

/** As many symbolic links as the kernel follows in one path. */
constexpr int kMaxLinks = 40;

/** How often an entry may become another while it is being opened. */
constexpr int kMaxRaces = 128;

int fail(int error_number) {
  errno = error_number;
  return -1;
}

bool is_of_proc(int fd) {
  struct statfs stat = {};
  return ::fstatfs(fd, &stat) == 0 && static_cast<long>(stat.f_type) == PROC_SUPER_MAGIC;
}

/**
 * Links of proc that lead to an object have the text of a path of their process or of a kind and a
 * number, `pipe:[7]`; the others name an entry of proc.
 */
bool is_magic(std::string_view text) {
  return text.starts_with('/') || text.find_first_of(":(") != std::string_view::npos;
}

/** Empty when it cannot be told. See man 5 proc_pid_fdinfo (Linux 3.15). */
std::optional<std::string> mount_of(int fd) {
  try {
    const std::string text = read_file("/proc/self/fdinfo/" + std::to_string(fd));
    const size_t start = text.find("mnt_id:");
    if (start == std::string::npos) return std::nullopt;
    return text.substr(start, text.find('\n', start) - start);
  } catch (const SysError&) {
    return std::nullopt;
  }
}

class Walk {
 public:
  Walk(int root_fd, const std::string& path, int flags, mode_t mode, uint64_t resolve)
      : root_fd_(root_fd), left_(path), flags_(flags | O_CLOEXEC), mode_(mode), resolve_(resolve) {}

  int run() {
    if ((resolve_ & ~static_cast<uint64_t>(RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)) != 0) {
      return fail(ENOSYS);
    }
    if (left_.size() >= PATH_MAX) return fail(ENAMETOOLONG);
    if (left_.find('\0') != std::string::npos) return fail(EINVAL);
    if (!note_mount()) return -1;
    for (int step = 0; step < kMaxSteps; ++step) {
      const std::string name = next_name();
      if (name.empty()) return open_top();
      if (name == ".") continue;
      if (name == "..") {
        if (!above_.empty()) above_.pop_back();
        continue;
      }
      const bool is_last = left_.find_first_not_of('/') == std::string::npos;
      // A slash at the end asks for a folder.
      if (is_last && !left_.empty()) flags_ |= O_DIRECTORY;
      const Outcome outcome = is_last ? open_last(name) : enter(name);
      if (outcome != Outcome::kGoOn) return result_;
    }
    return fail(ELOOP);
  }

 private:
  enum class Outcome { kGoOn, kDone };

  static constexpr int kMaxSteps = PATH_MAX * (kMaxLinks + 1);

  int top() const { return above_.empty() ? root_fd_ : above_.back().get(); }

  Outcome done(int result) {
    result_ = result;
    return Outcome::kDone;
  }

  std::string next_name() {
    const size_t start = std::min(left_.find_first_not_of('/'), left_.size());
    const size_t end = std::min(left_.find('/', start), left_.size());
    std::string name = left_.substr(start, end - start);
    left_.erase(0, end);
    return name;
  }

  bool note_mount() {
    if ((resolve_ & RESOLVE_NO_XDEV) == 0) return true;
    mount_ = mount_of(root_fd_);
    if (!mount_) errno = ENOSYS;
    return mount_.has_value();
  }

  /** Sets errno when it is on another mount than the root and must not be. */
  bool is_allowed_mount(int fd) const {
    if (!mount_ || mount_of(fd) == mount_) return true;
    errno = EXDEV;
    return false;
  }

  UniqueFd look_at(const std::string& name, mode_t& type) const {
    UniqueFd entry(::openat(top(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat stat = {};
    if (!entry || ::fstat(entry.get(), &stat) < 0 || !is_allowed_mount(entry.get())) return {};
    type = stat.st_mode & mode_t{S_IFMT};
    return entry;
  }

  /** Puts what the link says before what is left of the path. */
  Outcome follow(int link) {
    if ((resolve_ & RESOLVE_NO_SYMLINKS) != 0 || ++links_ > kMaxLinks) return done(fail(ELOOP));
    char text[PATH_MAX];
    const ssize_t length = ::readlinkat(link, "", text, sizeof text);
    if (length < 0) return done(-1);
    const std::string_view target(text, static_cast<size_t>(length));
    if (target.empty()) return done(fail(ENOENT));
    if (is_of_proc(link) && is_magic(target)) return done(fail(ELOOP));
    if (target.size() + left_.size() >= PATH_MAX) return done(fail(ENAMETOOLONG));
    if (target.starts_with('/')) above_.clear();
    left_.insert(0, target);
    return Outcome::kGoOn;
  }

  Outcome enter(const std::string& name) {
    mode_t type = 0;
    UniqueFd entry = look_at(name, type);
    if (!entry) return done(-1);
    if (type == S_IFLNK) return follow(entry.get());
    if (type != S_IFDIR) return done(fail(ENOTDIR));
    above_.push_back(std::move(entry));
    return Outcome::kGoOn;
  }

  Outcome open_last(const std::string& name) {
    for (int race = 0; race < kMaxRaces; ++race) {
      mode_t type = 0;
      UniqueFd entry = look_at(name, type);
      if (!entry) {
        if (errno != ENOENT || (flags_ & O_CREAT) == 0) return done(-1);
        const int made = ::openat(top(), name.c_str(), flags_ | O_EXCL | O_NOFOLLOW, mode_);
        if (made >= 0 || errno != EEXIST) return done(made);
        continue;
      }
      if ((flags_ & O_CREAT) != 0 && (flags_ & O_EXCL) != 0) return done(fail(EEXIST));
      if (type == S_IFLNK && ((flags_ & O_NOFOLLOW) == 0 || (flags_ & O_DIRECTORY) != 0)) {
        return (flags_ & O_NOFOLLOW) == 0 ? follow(entry.get()) : done(fail(ENOTDIR));
      }
      if (type == S_IFLNK && (flags_ & O_PATH) == 0) return done(fail(ELOOP));
      if ((flags_ & O_DIRECTORY) != 0 && type != S_IFDIR) return done(fail(ENOTDIR));
      if ((flags_ & O_PATH) != 0) return done(entry.release());
      const int fd = ::openat(top(), name.c_str(), (flags_ & ~O_CREAT) | O_NOFOLLOW);
      // It has become a link, or gone: look again.
      if (fd < 0 && (errno == ELOOP || (errno == ENOENT && (flags_ & O_CREAT) != 0))) continue;
      if (fd >= 0 && !is_allowed_mount(fd)) {
        ::close(fd);
        return done(fail(EXDEV));
      }
      return done(fd);
    }
    return done(fail(EAGAIN));
  }

  /** The path ended at a folder that is entered already. */
  int open_top() const {
    if ((flags_ & O_CREAT) != 0) return fail(EISDIR);
    return ::openat(top(), ".", flags_);
  }

  int root_fd_;
  /** What of the path is still to be walked. */
  std::string left_;
  int flags_;
  mode_t mode_;
  uint64_t resolve_;
  /** The folders between the root and where the walk is. */
  std::vector<UniqueFd> above_;
  std::optional<std::string> mount_;
  int links_ = 0;
  int result_ = -1;
};

}  // namespace

int walk_in_root(int root_fd, const std::string& path, int flags, mode_t mode, uint64_t resolve) {
  return Walk(root_fd, path, flags, mode, resolve).run();
}

}  // namespace ocup
