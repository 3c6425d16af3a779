#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

/** Something in a stack of layers. */
struct Found {
  /** The layer that shows it, counted from the top. */
  size_t layer;
  /** The way to it without links, the same in every layer. */
  std::string path;
  struct stat stat;
  /** For a folder: the layers whose content makes it up, from the top. */
  std::vector<size_t> layers;
};

/**
 * What overlayfs would show of a stack of layers, without a mount: whiteouts and opaque folders
 * hide what is below, folders of one path are one. @see kernel
 * Documentation/filesystems/overlayfs.rst
 */
class MergedView {
 public:
  /** `folders` from the top. Throws SysError. */
  explicit MergedView(const std::vector<std::string>& folders);

  /**
   * Looks `path` up as a process would whose root is the view; a link at its end is followed if
   * `is_followed`. Undefined: not there, or too many links. Throws SysError.
   */
  std::optional<Found> find(const std::string& path, bool is_followed) const;

  /** What `name` is in a folder of the view; links are not followed. */
  std::optional<Found> find_in(const Found& folder, const std::string& name) const;

  Found top() const;

  int layer_fd(size_t layer) const { return layers_[layer].get(); }
  size_t size() const { return layers_.size(); }

 private:
  std::vector<UniqueFd> layers_;
};

}  // namespace ocup
