#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cgroup.h"

namespace ocup {

/** What the control groups have counted, as the member `data` of runc's `events` has it. */
std::string cgroup_stats(const Cgroup& cgroup);

// The parts of one hierarchy each; nothing is written for controllers that the folder lacks.
void write_stats_v1(JsonWriter& writer, const Cgroup& cgroup);
void write_stats_v2(JsonWriter& writer, const CgroupFolder& folder);

/** A file of a control group, read line by line; what is not there reads as empty. */
class StatFile {
 public:
  StatFile(const CgroupFolder* folder, const std::string& name);

  bool is_empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  /** The whole file as a number, `most` for `max`, 0 when there is none. */
  uint64_t number(uint64_t most = 0) const;
  /** The number after `key ` at the start of a line. */
  uint64_t field(std::string_view key) const;
  /** Calls `visit` with the words of each line. */
  template <typename Visit>
  void each_line(Visit visit) const {
    for (size_t start = 0; start < text_.size();) {
      const size_t end = std::min(text_.find('\n', start), text_.size());
      visit(words_of(std::string_view(text_).substr(start, end - start)));
      start = end + 1;
    }
  }

  static std::vector<std::string_view> words_of(std::string_view line);
  static uint64_t parse(std::string_view word);

 private:
  std::string text_;
};

/** `name: value`, left out when it is 0, as runc leaves it out. */
void write_count(JsonWriter& writer, const char* name, uint64_t value);

/** `limit`, `usage`, `max` and `failcnt` of one kind of memory. */
struct MemoryCount {
  uint64_t limit, usage, max, failures;
};
void write_memory(JsonWriter& writer, const char* name, const MemoryCount& count);

/** The members of memory.stat. */
void write_raw_memory(JsonWriter& writer, const StatFile& stat);

/** `folder` may be null, `max_file` as well. */
void write_hugepages(JsonWriter& writer, const CgroupFolder* folder, const char* usage_file,
                     const char* max_file, const char* failures_file);

}  // namespace ocup
