#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/tar_entry.h"

namespace ocup {

/**
 * What extended headers say about the member that follows.
 * @see pax(1), "pax Extended Header"; GNU tar manual, "Sparse Formats"
 */
struct TarExtension {
  std::optional<std::string> path;
  std::optional<std::string> link;
  std::optional<uint64_t> size;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<timespec> modified;
  std::vector<std::pair<std::string, std::string>> attributes;

  /** `GNU.sparse.*` */
  std::optional<std::string> sparse_path;
  std::optional<uint64_t> sparse_size;
  std::vector<Extent> extents;
  bool is_sparse = false;
  /** Version 1.0: the map stands before the data. */
  bool has_sparse_map_in_data = false;

  /** Adds the records of a pax header. Throws LayerError. */
  void add_records(std::string_view text);

 private:
  void add(std::string_view key, std::string_view value);
  void add_sparse(std::string_view key, std::string_view value);
};

/** A number without sign in decimal digits. Throws LayerError naming `what`. */
uint64_t parse_decimal(std::string_view text, std::string_view what);

/** Checks that the extents ascend and end within `size`. Throws LayerError. */
void check_extents(const std::vector<Extent>& extents, uint64_t size);

}  // namespace ocup
