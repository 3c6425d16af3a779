#include "runtime/cgroup_stats.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

StatFile::StatFile(const CgroupFolder* folder, const std::string& name) {
  if (folder == nullptr) return;
  const std::string path = folder->folder() + "/" + name;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return;
  try {
    text_ = read_all(file.get(), path);
  } catch (const SysError&) {
    // Such as the limit of kernel memory, which newer kernels name and do not have.
    text_.clear();
  }
}

uint64_t StatFile::parse(std::string_view word) {
  uint64_t number = 0;
  std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

uint64_t StatFile::number(uint64_t most) const {
  return text_.starts_with("max") ? most : parse(text_);
}

uint64_t StatFile::field(std::string_view key) const {
  uint64_t value = 0;
  each_line([&](const std::vector<std::string_view>& words) {
    if (words.size() == 2 && words[0] == key) value = parse(words[1]);
  });
  return value;
}

std::vector<std::string_view> StatFile::words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t start = 0; start < line.size();) {
    const size_t end = std::min(line.find(' ', start), line.size());
    if (end > start) words.push_back(line.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

void write_count(JsonWriter& writer, const char* name, uint64_t value) {
  if (value != 0) writer.key(name).natural(value);
}

void write_memory(JsonWriter& writer, const char* name, const MemoryCount& count) {
  writer.key(name).begin_object();
  writer.key("limit").natural(count.limit);
  write_count(writer, "usage", count.usage);
  write_count(writer, "max", count.max);
  writer.key("failcnt").natural(count.failures);
  writer.end_object();
}

void write_raw_memory(JsonWriter& writer, const StatFile& stat) {
  std::map<std::string_view, uint64_t> fields;
  stat.each_line([&](const std::vector<std::string_view>& words) {
    if (words.size() == 2) fields[words[0]] = StatFile::parse(words[1]);
  });
  if (fields.empty()) return;
  writer.key("raw").begin_object();
  for (const auto& [name, value] : fields) writer.key(name).natural(value);
  writer.end_object();
}

void write_hugepages(JsonWriter& writer, const CgroupFolder* folder, const char* usage_file,
                     const char* max_file, const char* failures_file) {
  writer.key("hugetlb").begin_object();
  for (const auto& size : folder == nullptr ? std::vector<std::string>() : huge_page_sizes()) {
    const std::string prefix = "hugetlb." + size + ".";
    const StatFile usage(folder, prefix + usage_file);
    if (usage.is_empty()) continue;
    writer.key(size).begin_object();
    write_count(writer, "usage", usage.number());
    if (max_file != nullptr)
      write_count(writer, "max", StatFile(folder, prefix + max_file).number());
    const StatFile failures(folder, prefix + failures_file);
    writer.key("failcnt").natural(folder->is_v2 ? failures.field("max") : failures.number());
    writer.end_object();
  }
  writer.end_object();
}

std::string cgroup_stats(const Cgroup& cgroup) {
  JsonWriter writer;
  writer.begin_object();
  if (cgroup.is_unified()) {
    write_stats_v2(writer, cgroup.folders().front());
  } else {
    write_stats_v1(writer, cgroup);
  }
  writer.key("intel_rdt").begin_object().end_object();
  writer.key("network_interfaces").raw("null");
  writer.end_object();
  return writer.text();
}

}  // namespace ocup
