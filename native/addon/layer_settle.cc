#include "addon/layer_settle.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "addon/file_copy.h"
#include "addon/folder_entries.h"
#include "addon/layer_error.h"
#include "addon/merged_view.h"
#include "base/error.h"
#include "base/file.h"
#include "base/path_in_root.h"

namespace ocup {

namespace {

/** Leaves the folder's time as it was before something in it changed. */
class KeptTime {
 public:
  explicit KeptTime(int fd) : fd_(fd) {
    struct stat stat = {};
    if (::fstat(fd, &stat) < 0) throw SysError(errno, "fstat");
    times_[0] = stat.st_atim;
    times_[1] = stat.st_mtim;
  }
  KeptTime(const KeptTime&) = delete;
  KeptTime& operator=(const KeptTime&) = delete;
  ~KeptTime() { ::futimens(fd_, times_); }

 private:
  int fd_;
  timespec times_[2];
};

class Settling {
 public:
  Settling(LayerTree& tree, const std::string& folder, const std::vector<std::string>& below)
      : tree_(tree), below_(below), all_(with(folder, below)), unspoken_(tree.unspoken()) {}

  void run() {
    while (!unspoken_.empty()) {
      const std::string path = *unspoken_.begin();
      unspoken_.erase(unspoken_.begin());
      settle_folder(path);
    }
    for (const PendingLink& link : tree_.pending_links()) make_link(moved(link.path), link.target);
    for (const std::string& path : tree_.whiteouts()) drop_idle_whiteout(moved(path));
  }

 private:
  static std::vector<std::string> with(const std::string& folder,
                                       const std::vector<std::string>& below) {
    std::vector<std::string> all = {folder};
    all.insert(all.end(), below.begin(), below.end());
    return all;
  }

  UniqueFd open_folder(const std::string& path) const {
    UniqueFd fd(
        try_open_in_root(tree_.root(), path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
    if (!fd) throw SysError(errno, "open", path);
    return fd;
  }

  /** Whether a folder of this layer above `path`, or `path` itself, hides what is below. */
  bool is_hidden(const std::string& path) const {
    for (size_t end = path.find('/');; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      const UniqueFd fd(
          try_open_in_root(tree_.root(), part, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS));
      if (fd && is_opaque(fd.get())) return true;
      if (end == std::string::npos) return false;
    }
  }

  /** What the layers below show at this very path, no link on the way: one there is replaced by a
   * folder here. */
  std::optional<Found> find_below(const std::string& path) const {
    std::optional<Found> found = below_.find(path, false);
    if (found && found->path != path) return std::nullopt;
    return found;
  }

  void settle_folder(const std::string& path) {
    const std::optional<Found> found = find_below(path);
    if (!found || (!path.empty() && is_hidden(path))) return;
    if (S_ISDIR(found->stat.st_mode)) {
      copy_metadata(*found, path);
    } else if (S_ISLNK(found->stat.st_mode)) {
      const std::optional<Found> target = below_.find(path, true);
      if (target && S_ISDIR(target->stat.st_mode)) move_folder(path, *target);
    }
  }

  void copy_metadata(const Found& found, const std::string& path) {
    const UniqueFd from =
        open_file(below_.layer_fd(found.layer), found.path.empty() ? "." : found.path,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const UniqueFd to = open_folder(path);
    set_metadata(to.get(), read_metadata(from.get()), tree_.privileges(), tree_.skipped());
  }

  void move_folder(const std::string& path, const Found& target) {
    const SplitPath split = split_path(path);
    const UniqueFd parent = open_folder(split.parent);
    const KeptTime kept(parent.get());
    const UniqueFd to = make_folders_below(target.path);
    const KeptTime kept_target(to.get());
    const UniqueFd from = open_folder(path);
    merge(from.get(), to.get());
    if (::unlinkat(parent.get(), split.name.c_str(), AT_REMOVEDIR) < 0)
      throw SysError(errno, "rmdir", path);
    moves_.emplace_back(path, target.path);
    rename_unspoken(path, target.path);
  }

  void merge(int from, int to) {
    for (const std::string& name : list_folder(from, "")) {
      if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) == 0) continue;
      if (errno != EEXIST) throw SysError(errno, "rename", name);
      const UniqueFd source(
          ::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      const UniqueFd present(
          ::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (source && present) {
        merge(source.get(), present.get());
        if (::unlinkat(from, name.c_str(), AT_REMOVEDIR) < 0) throw SysError(errno, "rmdir", name);
        continue;
      }
      remove_tree(to, name);
      if (::renameat(from, name.c_str(), to, name.c_str()) < 0)
        throw SysError(errno, "rename", name);
    }
  }

  /** Makes what is missing of `path` in this layer; the new folders get what those below have. */
  UniqueFd make_folders_below(const std::string& path) {
    UniqueFd at = open_folder("");
    std::string place;
    for (size_t start = 0; !path.empty() && start != std::string::npos;) {
      const size_t slash = path.find('/', start);
      const std::string name =
          path.substr(start, slash == std::string::npos ? slash : slash - start);
      start = slash == std::string::npos ? slash : slash + 1;
      place = join_path(place, name);
      {
        const KeptTime kept(at.get());
        if (::mkdirat(at.get(), name.c_str(), 0755) == 0) {
          const std::optional<Found> found = find_below(place);
          if (found && S_ISDIR(found->stat.st_mode)) copy_metadata(*found, place);
        } else if (errno != EEXIST) {
          throw SysError(errno, "mkdir", place);
        }
      }
      at = open_folder(place);
    }
    return at;
  }

  void rename_unspoken(const std::string& from, const std::string& to) {
    std::set<std::string> renamed;
    for (const std::string& path : unspoken_) {
      const bool is_below = path.starts_with(from + "/");
      renamed.insert(is_below ? to + path.substr(from.size()) : path);
    }
    unspoken_ = std::move(renamed);
  }

  std::string moved(std::string path) const {
    for (const auto& [from, to] : moves_) {
      if (path.starts_with(from + "/")) path = to + path.substr(from.size());
    }
    return path;
  }

  void make_link(const std::string& path, const std::string& target) {
    std::optional<Found> found = all_.find(target, false);
    if (!found) fail_format("hard link " + path + " has no target: " + target + " does not exist");
    if (S_ISDIR(found->stat.st_mode))
      fail_format("hard link " + path + " leads to a folder: " + target);
    const SplitPath source = split_path(found->path);
    const UniqueFd source_folder = make_folders_below(source.parent);
    if (found->layer > 0) {
      const KeptTime kept(source_folder.get());
      copy_file(all_.layer_fd(found->layer), found->path, source_folder.get(), source.name,
                tree_.privileges(), tree_.skipped());
    }
    if (found->path == path) return;
    const SplitPath split = split_path(path);
    const UniqueFd folder = open_folder(split.parent);
    const KeptTime kept(folder.get());
    // A whiteout never removes what its own layer added.
    remove_tree(folder.get(), split.name);
    if (::linkat(source_folder.get(), source.name.c_str(), folder.get(), split.name.c_str(), 0) <
        0) {
      throw SysError(errno, "link", path);
    }
  }

  void drop_idle_whiteout(const std::string& path) {
    const SplitPath split = split_path(path);
    const UniqueFd folder = open_folder(split.parent);
    struct stat stat = {};
    if (::fstatat(folder.get(), split.name.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (!is_whiteout(stat) || (find_below(path) && !is_hidden(split.parent))) return;
    const KeptTime kept(folder.get());
    if (::unlinkat(folder.get(), split.name.c_str(), 0) < 0) throw SysError(errno, "unlink", path);
  }

  LayerTree& tree_;
  const MergedView below_;
  const MergedView all_;
  std::set<std::string> unspoken_;
  std::vector<std::pair<std::string, std::string>> moves_;
};

}  // namespace

void settle_layer(LayerTree& tree, const std::string& folder,
                  const std::vector<std::string>& below) {
  Settling(tree, folder, below).run();
}

}  // namespace ocup
