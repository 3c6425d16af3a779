#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "addon/tar_entry.h"
#include "addon/tar_extended.h"
#include "addon/tar_header.h"

namespace ocup {

/**
 * Reads an archive that comes in pieces of any size and hands its members to a sink: ustar, pax
 * with extended attributes, GNU long names, and all forms of sparse files. What follows the end of
 * the archive is ignored. Throws LayerError, and what the sink throws.
 *
 * @see pax(1), "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"
 */
class TarReader {
 public:
  explicit TarReader(TarSink& sink) : sink_(sink) {}

  void push(std::string_view bytes);

  /** The archive is at its end; it may lack the blocks of zeros that should close it. */
  void finish();

 private:
  enum class State {
    kHeader,
    /** Content of an extended header. */
    kExtension,
    /** Further parts of the map of an old GNU sparse file. */
    kGnuSparseMap,
    /** The map in front of the data of a pax 1.0 sparse file. */
    kPaxSparseMap,
    kData,
    kPadding,
    kEnd
  };

  void take_block(const char* block);
  void start_member(const char* block);
  void read_entry(const TarHeader& header, TarType type, const std::string& path);
  void start_extension(char type, uint64_t size);
  void finish_extension();
  void add_gnu_extents(std::string_view map);
  void read_gnu_sparse(const TarHeader& header);
  void read_pax_sparse();
  void start_data();
  bool add_map_block(std::string_view block);
  size_t take_data(std::string_view bytes);
  void finish_member();
  void skip_to_block(uint64_t size);

  TarSink& sink_;
  State state_ = State::kHeader;
  /** A block that has not come in full. */
  std::string partial_;
  TarEntry entry_;
  TarExtension extension_;
  char extension_type_ = 0;
  std::string text_;
  /** Bytes of the member that are still to come, and of the padding after it. */
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
  /** Numbers of a pax 1.0 map. */
  std::vector<uint64_t> map_;
  std::vector<Extent> extents_;
  size_t extent_ = 0;
  uint64_t done_in_extent_ = 0;
  uint32_t zero_blocks_ = 0;
};

}  // namespace ocup
