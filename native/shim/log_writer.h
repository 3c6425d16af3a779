#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "shim/streams.h"

namespace ocup::shim {

/**
 * Writes output into a file in CRI log format, a line a record:
 *
 *     2026-01-01T00:00:00.000000000Z stdout F text
 *
 * `F` ends a line, `P` is a part of 16 KiB of a longer one. Writing blocks, so a slow disk slows
 * the container down and nothing is lost. Where the disk refuses (it is full), records are counted
 * instead and the first that fits again is preceded by one that says how many are missing.
 */
class LogWriter {
 public:
  /** Appends to the file at `path`. `max_bytes` 0 never rotates. Throws SysError. */
  LogWriter(std::string path, uint64_t max_bytes, uint64_t max_files);

  void write(Stream stream, std::string_view chunk);
  /** The stream has ended: its last line may lack the newline. */
  void finish(Stream stream);

  /** Removes the file if nothing was ever written to it. */
  void remove_if_empty();

 private:
  void take_line_part(Stream stream, std::string_view text, bool is_line_end);
  void add_record(Stream stream, char tag, std::string_view text);
  void append(Stream stream, char tag, std::string_view text);
  void flush();
  size_t write_batch(std::string_view batch);
  void drop_torn_record(std::string_view written);
  void rotate();
  void open();

  std::string path_;
  uint64_t max_bytes_;
  uint64_t max_files_;
  UniqueFd fd_;
  uint64_t size_ = 0;
  std::array<std::string, 2> held_;
  std::string batch_;
  std::string time_;
  uint64_t lost_ = 0;
  int lost_because_ = 0;
};

}  // namespace ocup::shim
