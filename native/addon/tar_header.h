#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "addon/tar_entry.h"

namespace ocup {

inline constexpr size_t kTarBlockBytes = 512;

/** Whether the block is all zeros, as two are that end an archive. */
bool is_zero_block(const char* block);

/**
 * One header block, whose fields are read when they are asked for. All readers throw LayerError.
 * @see pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
class TarHeader {
 public:
  /** Throws LayerError when the checksum is wrong. */
  explicit TarHeader(const char* block);

  char letter() const;
  std::string name() const;
  std::string link() const;
  uint32_t mode() const;
  uint32_t uid() const;
  uint32_t gid() const;
  uint64_t size() const;
  int64_t modified() const;
  uint32_t device_major() const;
  uint32_t device_minor() const;

  /** Of an old GNU sparse file: its size with holes, the first parts of its map, and whether more
   * follow. */
  uint64_t real_size() const;
  std::string_view extents() const;
  bool has_more_extents() const;

 private:
  const char* block_;
};

/** What a member is; undefined for one that carries no file. Throws LayerError. */
std::optional<TarType> tar_type(char letter, const std::string& path);

/** The map in a block that continues that of an old GNU sparse file. */
std::string_view more_extents(const char* block);
bool has_more_extents(const char* block);

/** Offset and length of a part of an old GNU sparse file; undefined at the end of the map. */
std::optional<Extent> read_extent(std::string_view map, size_t index);

}  // namespace ocup
