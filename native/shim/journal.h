#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "shim/streams.h"

namespace ocup::shim {

/**
 * Hands output to systemd's journal, an entry a record of the log, in its native protocol. The log
 * is what counts: an entry that the journal does not take within a second is left out, and so are
 * those of the seconds after.
 * See https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 */
class Journal {
 public:
  /** `fields`: `NAME=value`, part of each entry. */
  explicit Journal(const std::vector<std::string>& fields);

  void send(Stream stream, std::string_view text, bool is_partial);

 private:
  bool connect();

  std::string fields_;
  std::string entry_;
  UniqueFd socket_;
  /** Until then nothing is sent. */
  int64_t silent_until_ms_ = 0;
};

}  // namespace ocup::shim
