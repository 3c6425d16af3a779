#include "addon/merged_view.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>
#include <string_view>

#include "addon/file_metadata.h"
#include "addon/layer_path.h"
#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr int kMaxLinks = 40;

std::string read_link(int layer_fd, const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlinkat(layer_fd, path.c_str(), target, sizeof target);
  if (length < 0) throw SysError(errno, "readlink", path);
  return {target, static_cast<size_t>(length)};
}

}  // namespace

MergedView::MergedView(const std::vector<std::string>& folders) {
  for (const std::string& folder : folders) {
    layers_.push_back(open_file(folder, O_PATH | O_DIRECTORY));
  }
}

Found MergedView::top() const {
  Found found = {0, "", {}, {}};
  for (size_t layer = 0; layer < layers_.size(); ++layer) found.layers.push_back(layer);
  if (!layers_.empty() && ::fstat(layers_[0].get(), &found.stat) < 0)
    throw SysError(errno, "fstat");
  return found;
}

std::optional<Found> MergedView::find_in(const Found& folder, const std::string& name) const {
  Found found = {0, join_path(folder.path, name), {}, {}};
  for (const size_t layer : folder.layers) {
    struct stat stat = {};
    const int fd = layers_[layer].get();
    if (::fstatat(fd, found.path.c_str(), &stat, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT || errno == ENAMETOOLONG) continue;
      throw SysError(errno, "stat", found.path);
    }
    const bool is_first = found.layers.empty();
    if (is_whiteout(stat) || (!is_first && !S_ISDIR(stat.st_mode))) break;
    if (is_first) {
      found.layer = layer;
      found.stat = stat;
    }
    found.layers.push_back(layer);
    if (!S_ISDIR(stat.st_mode)) break;
    const UniqueFd opened = open_file(fd, found.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (is_opaque(opened.get())) break;
  }
  if (found.layers.empty()) return std::nullopt;
  return found;
}

std::optional<Found> MergedView::find(const std::string& path, bool is_followed) const {
  if (layers_.empty()) return std::nullopt;
  std::deque<std::string> names;
  push_names(names, path);
  std::vector<Found> way = {top()};
  for (int links = 0; !names.empty();) {
    const std::string name = std::move(names.front());
    names.pop_front();
    if (!S_ISDIR(way.back().stat.st_mode)) return std::nullopt;
    if (name == "..") {
      if (way.size() > 1) way.pop_back();
      continue;
    }
    std::optional<Found> found = find_in(way.back(), name);
    if (!found) return std::nullopt;
    if (!S_ISLNK(found->stat.st_mode) || (names.empty() && !is_followed)) {
      way.push_back(std::move(*found));
      continue;
    }
    if (++links > kMaxLinks) return std::nullopt;
    const std::string target = read_link(layers_[found->layer].get(), found->path);
    if (target.starts_with('/')) way.erase(way.begin() + 1, way.end());
    push_names(names, target);
  }
  return way.back();
}

}  // namespace ocup
