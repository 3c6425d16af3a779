#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "addon/file_metadata.h"
#include "addon/file_writer.h"
#include "addon/layer_path.h"
#include "addon/tar_entry.h"
#include "base/unique_fd.h"

namespace ocup {

struct LayerLimits {
  uint64_t bytes;
  uint64_t entries;
};

/** A hard link to a file that its own layer does not hold. Paths as in `LayerTree`. */
struct PendingLink {
  std::string path;
  std::string target;
};

/** A folder of a layer. `path` is the way to it without links: `usr/lib`, empty for the top. */
struct LayerFolder {
  std::string path;
  int fd;
};

/**
 * Writes the members of one layer into a folder, in the form that overlayfs takes as a lower layer:
 * a removed file is a device 0:0, a folder that hides what is below it has the attribute `opaque`.
 * Nothing is ever written outside the folder, whatever names and links say. What can only be
 * decided with the layers below at hand is kept for `settle_layer`:
 *
 *     begin, data, end …  (TarSink)  ─▶  finish  ─▶  settle_layer
 *
 * INVARIANT: a whiteout never removes what its own layer added.
 * @see image-spec layer.md#applying-changesets; kernel Documentation/filesystems/overlayfs.rst
 */
class LayerTree : public TarSink {
 public:
  /** A base layer has nothing below it that could be removed or hidden. */
  LayerTree(const std::string& folder, bool is_base, LayerLimits limits);

  void begin(const TarEntry& entry) override;
  void data(uint64_t offset, std::string_view bytes) override;
  void end() override;

  /** Gives folders what their members said. */
  void finish();

  int root() const { return root_.get(); }
  const Privileges& privileges() const { return privileges_; }
  Skipped& skipped() { return skipped_; }
  /** Folders that no member spoke of, the top among them; parents come first. */
  const std::set<std::string>& unspoken() const { return unspoken_; }
  const std::set<std::string>& whiteouts() const { return whiteouts_; }
  const std::vector<PendingLink>& pending_links() const { return pending_links_; }
  uint64_t entries() const { return entries_; }
  uint64_t bytes() const { return bytes_; }

 private:
  LayerFolder find_parent(const std::string& path);
  LayerFolder walk(const std::string& path);
  void count(const TarEntry& entry);
  void add_whiteout(const SplitPath& path);
  void add_folder(const TarEntry& entry, const std::string& path);
  void add_file(const TarEntry& entry, const LayerFolder& parent, const std::string& name);
  void add_hard_link(const TarEntry& entry, const LayerFolder& parent, const std::string& name);
  void add_symlink(const TarEntry& entry, const LayerFolder& parent, const std::string& name);
  void add_node(const TarEntry& entry, const LayerFolder& parent, const std::string& name);
  void make_folder(const LayerFolder& parent, const std::string& name);
  void apply_to_node(const TarEntry& entry, const LayerFolder& parent, const std::string& name);
  void make_way(const LayerFolder& parent, const std::string& name);
  void forget(const std::string& path);
  void forget_link(const std::string& path);

  UniqueFd root_;
  bool is_base_;
  LayerLimits limits_;
  Privileges privileges_;
  Skipped skipped_;
  /** By their path without links, so that only the removal of a folder makes one wrong. */
  std::unordered_map<std::string, UniqueFd> open_folders_;
  std::map<std::string, FileMetadata> folders_;
  std::set<std::string> unspoken_;
  std::set<std::string> whiteouts_;
  std::vector<PendingLink> pending_links_;
  FileWriter file_;
  TarEntry file_entry_;
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace ocup
