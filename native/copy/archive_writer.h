#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "addon/tar_entry.h"

namespace ocup::copy {

/**
 * Writes an archive in pax interchange format to a descriptor: an entry, then exactly `size` bytes
 * of a file.
 * @see pax(1), "pax Interchange Format"
 */
class ArchiveWriter {
 public:
  explicit ArchiveWriter(int fd) : fd_(fd) {}

  /** Throws SysError. */
  void begin(const TarEntry& entry);
  void data(std::string_view bytes);
  void end();
  /** The two blocks of zeros. */
  void finish();

 private:
  void write_header(const TarEntry& entry, char type, const std::string& name);
  void write(std::string_view bytes);
  void pad();
  void flush();

  int fd_;
  uint64_t member_bytes_ = 0;
  std::string buffer_;
};

}  // namespace ocup::copy
