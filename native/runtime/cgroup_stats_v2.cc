#include "runtime/cgroup_stats.h"

namespace ocup {

namespace {

constexpr uint64_t kNanosecondsAMicrosecond = 1000;

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`: pressure, where the kernel accounts it. */
void write_pressure(JsonWriter& writer, const CgroupFolder& folder, const char* file) {
  const StatFile pressure(&folder, file);
  if (pressure.is_empty()) return;
  writer.key("psi").begin_object();
  pressure.each_line([&](const auto& words) {
    if (words.size() != 5) return;
    writer.key(words[0]).begin_object();
    for (size_t i = 1; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (equals == std::string_view::npos) continue;
      const std::string_view number = words[i].substr(equals + 1);
      if (number.find_first_not_of("0123456789.") != std::string_view::npos) continue;
      // As a number of JSON: the kernel writes `0.00`.
      writer.key(words[i].substr(0, equals)).raw(number);
    }
    writer.end_object();
  });
  writer.end_object();
}

void write_cpu(JsonWriter& writer, const CgroupFolder& folder) {
  const StatFile stat(&folder, "cpu.stat");
  writer.key("cpu").begin_object();
  writer.key("usage").begin_object();
  write_count(writer, "total", stat.field("usage_usec") * kNanosecondsAMicrosecond);
  writer.key("kernel").natural(stat.field("system_usec") * kNanosecondsAMicrosecond);
  writer.key("user").natural(stat.field("user_usec") * kNanosecondsAMicrosecond);
  writer.end_object();
  writer.key("throttling").begin_object();
  write_count(writer, "periods", stat.field("nr_periods"));
  write_count(writer, "throttledPeriods", stat.field("nr_throttled"));
  write_count(writer, "throttledTime", stat.field("throttled_usec") * kNanosecondsAMicrosecond);
  writer.end_object();
  write_pressure(writer, folder, "cpu.pressure");
  writer.end_object();
}

/** Version 2 counts none of it; the members are there all the same. */
void write_cpuset(JsonWriter& writer) {
  writer.key("cpuset").begin_object();
  for (const char* name : {"cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate",
                           "memory_spread_page", "memory_spread_slab", "memory_pressure",
                           "sched_load_balance", "sched_relax_domain_level"}) {
    writer.key(name).integer(0);
  }
  writer.end_object();
}

void write_all_memory(JsonWriter& writer, const CgroupFolder& folder) {
  const StatFile stat(&folder, "memory.stat");
  const auto number = [&](const char* file) { return StatFile(&folder, file).number(UINT64_MAX); };
  MemoryCount usage = {number("memory.max"), number("memory.current"), number("memory.peak"),
                       StatFile(&folder, "memory.events").field("max")};
  // Version 1 counts memory and swap together, and so does whoever reads this.
  MemoryCount swap = {number("memory.swap.max"), number("memory.swap.current") + usage.usage, 0,
                      StatFile(&folder, "memory.swap.events").field("fail")};
  if (swap.limit != UINT64_MAX) {
    swap.limit = usage.limit == UINT64_MAX ? UINT64_MAX : swap.limit + usage.limit;
  }
  writer.key("memory").begin_object();
  write_count(writer, "cache", stat.field("file"));
  write_memory(writer, "usage", usage);
  write_memory(writer, "swap", swap);
  write_memory(writer, "kernel", {0, stat.field("kernel"), 0, 0});
  write_memory(writer, "kernelTCP", {0, stat.field("sock"), 0, 0});
  write_raw_memory(writer, stat);
  write_pressure(writer, folder, "memory.pressure");
  writer.end_object();
}

struct IoKey {
  std::string_view key;
  const char* operation;
};

/** `8:0 rbytes=1 wbytes=2 rios=3 …` */
void write_io(JsonWriter& writer, const StatFile& stat, const char* name,
              const std::vector<IoKey>& keys) {
  bool has_entries = false;
  stat.each_line([&](const auto& words) {
    const size_t colon = words.empty() ? std::string_view::npos : words[0].find(':');
    if (colon == std::string_view::npos) return;
    for (const auto word : words) {
      for (const auto& [key, operation] : keys) {
        if (!word.starts_with(key)) continue;
        if (!has_entries) writer.key(name).begin_array();
        has_entries = true;
        writer.begin_object();
        write_count(writer, "major", StatFile::parse(words[0].substr(0, colon)));
        write_count(writer, "minor", StatFile::parse(words[0].substr(colon + 1)));
        writer.key("op").string(operation);
        write_count(writer, "value", StatFile::parse(word.substr(key.size())));
        writer.end_object();
      }
    }
  });
  if (has_entries) writer.end_array();
}

}  // namespace

void write_stats_v2(JsonWriter& writer, const CgroupFolder& folder) {
  write_cpu(writer, folder);
  write_cpuset(writer);
  write_all_memory(writer, folder);
  writer.key("pids").begin_object();
  write_count(writer, "current", StatFile(&folder, "pids.current").number());
  write_count(writer, "limit", StatFile(&folder, "pids.max").number());
  writer.end_object();
  const StatFile io(&folder, "io.stat");
  writer.key("blkio").begin_object();
  write_io(writer, io, "ioServiceBytesRecursive",
           {{"rbytes=", "Read"}, {"wbytes=", "Write"}, {"dbytes=", "Discard"}});
  write_io(writer, io, "ioServicedRecursive",
           {{"rios=", "Read"}, {"wios=", "Write"}, {"dios=", "Discard"}});
  write_pressure(writer, folder, "io.pressure");
  writer.end_object();
  write_hugepages(writer, &folder, "current", nullptr, "events");
}

}  // namespace ocup
