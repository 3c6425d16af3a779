#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace ocup {

/** Memory for direct writes lies on such an address. */
constexpr size_t kDirectAlignment = 4096;

/**
 * Writes a new file. Of a large one, all but the last part of a page goes straight to the disk
 * where the file system and the place of the bytes in memory allow it: whoever pulls an image waits
 * for the disk in any case, and copies in the page cache would cost most of the time and push other
 * files out of memory. What cannot go that way takes the ordinary one. @see man 2 open, O_DIRECT
 */
class FileWriter {
 public:
  /** A large one; what is written last may then be of any length. */
  static constexpr uint64_t kUnknownSize = ~uint64_t{0};

  FileWriter() = default;
  /** `size` is what will be written. */
  FileWriter(UniqueFd fd, uint64_t size);

  /** Offsets never go back. Throws SysError, naming `path`. */
  void write(uint64_t offset, std::string_view bytes, const std::string& path);

  int get() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void reset() { fd_.reset(); }

 private:
  size_t direct_part(uint64_t offset, std::string_view bytes);
  void turn_direct(bool is_direct);
  void write_all_at(uint64_t offset, std::string_view bytes, const std::string& path);

  UniqueFd fd_;
  /** Where the last, partial page begins. */
  uint64_t direct_end_ = 0;
  bool is_direct_ = false;
};

}  // namespace ocup
