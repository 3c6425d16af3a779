#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "shim/journal.h"
#include "shim/streams.h"

namespace ocup::shim {

/**
 * Writes output into a file in CRI log format, a line a record:
 *
 *     2026-01-01T00:00:00.000000000Z stdout F text
 *
 * `F` ends a line, `P` is a part of 16 KiB of a longer one. Writing blocks, so a slow disk slows
 * the container down and nothing is lost. What the disk refuses (it is full) is kept for `retry`.
 */
class LogWriter {
 public:
  /** Appends to the file at `path`. `max_bytes` 0 never rotates. Throws SysError. */
  LogWriter(std::string path, uint64_t max_bytes, uint64_t max_files);

  /** Hands each record to systemd's journal as well. */
  void copy_to(const std::vector<std::string>& journal_fields) { journal_.emplace(journal_fields); }

  void write(Stream stream, std::string_view chunk);
  /** The stream has ended: its last line may lack the newline. */
  void finish(Stream stream);

  /** How much is kept that the disk has not taken. */
  size_t kept_bytes() const { return batch_.size(); }
  /** Tries again to write what is kept. */
  void retry() { flush(); }
  /** Forgets what is kept, and says in the log how much is missing. */
  void give_up();

  /** Removes the file if nothing was ever written to it. */
  void remove_if_empty();

 private:
  void take_line_part(Stream stream, std::string_view text, bool is_line_end);
  void add_record(Stream stream, char tag, std::string_view text);
  void append(Stream stream, char tag, std::string_view text);
  void flush();
  size_t write_batch(std::string_view batch);
  void drop_torn_record(std::string_view written);
  uint64_t make_room(size_t bytes);
  void rotate();
  void open();

  std::string path_;
  uint64_t max_bytes_;
  uint64_t max_files_;
  UniqueFd fd_;
  std::optional<Journal> journal_;
  uint64_t size_ = 0;
  std::array<std::string, 2> held_;
  std::string batch_;
  std::string time_;
  int refusal_ = 0;
};

}  // namespace ocup::shim
