#include <unistd.h>

#include "runtime/cgroup_stats.h"

namespace ocup {

namespace {

void write_numbers(JsonWriter& writer, const char* name, const std::vector<uint64_t>& numbers) {
  if (numbers.empty()) return;
  writer.key(name).begin_array();
  for (const uint64_t number : numbers) writer.natural(number);
  writer.end_array();
}

void write_cpu(JsonWriter& writer, const CgroupFolder* cpu, const CgroupFolder* account) {
  writer.key("cpu").begin_object();
  writer.key("usage").begin_object();
  write_count(writer, "total", StatFile(account, "cpuacct.usage").number());
  std::vector<uint64_t> all, kernel, user;
  // Named: a loop over it keeps the words, not the file they are in.
  const StatFile of_each_cpu(account, "cpuacct.usage_percpu");
  for (const auto word : StatFile::words_of(of_each_cpu.text())) {
    if (word != "\n") all.push_back(StatFile::parse(word));
  }
  // `cpu user system`, a line a CPU.
  StatFile(account, "cpuacct.usage_all").each_line([&](const auto& words) {
    if (words.size() != 3 || words[0] == "cpu") return;
    user.push_back(StatFile::parse(words[1]));
    kernel.push_back(StatFile::parse(words[2]));
  });
  write_numbers(writer, "percpu", all);
  write_numbers(writer, "percpu_kernel", kernel);
  write_numbers(writer, "percpu_user", user);
  const StatFile ticks(account, "cpuacct.stat");
  const auto nanoseconds_a_tick = 1000000000u / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  writer.key("kernel").natural(ticks.field("system") * nanoseconds_a_tick);
  writer.key("user").natural(ticks.field("user") * nanoseconds_a_tick);
  writer.end_object();
  const StatFile stat(cpu, "cpu.stat");
  writer.key("throttling").begin_object();
  write_count(writer, "periods", stat.field("nr_periods"));
  write_count(writer, "throttledPeriods", stat.field("nr_throttled"));
  write_count(writer, "throttledTime", stat.field("throttled_time"));
  writer.end_object();
  writer.end_object();
}

/** `0-3,7` as the numbers it stands for. */
std::vector<uint64_t> numbers_of(std::string_view list) {
  std::vector<uint64_t> numbers;
  while (!list.empty() && list.front() >= '0' && list.front() <= '9') {
    const size_t comma = list.find(',');
    const std::string_view range = list.substr(0, comma);
    const size_t dash = range.find('-');
    const uint64_t first = StatFile::parse(range.substr(0, dash));
    const uint64_t last =
        dash == std::string_view::npos ? first : StatFile::parse(range.substr(dash + 1));
    for (uint64_t number = first; number <= last; ++number) numbers.push_back(number);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return numbers;
}

void write_cpuset(JsonWriter& writer, const CgroupFolder* cpuset) {
  const auto flag = [&](const char* name, const char* file) {
    writer.key(name).natural(StatFile(cpuset, file).number());
  };
  writer.key("cpuset").begin_object();
  write_numbers(writer, "cpus", numbers_of(StatFile(cpuset, "cpuset.cpus").text()));
  flag("cpu_exclusive", "cpuset.cpu_exclusive");
  write_numbers(writer, "mems", numbers_of(StatFile(cpuset, "cpuset.mems").text()));
  flag("mem_hardwall", "cpuset.mem_hardwall");
  flag("mem_exclusive", "cpuset.mem_exclusive");
  flag("memory_migrate", "cpuset.memory_migrate");
  flag("memory_spread_page", "cpuset.memory_spread_page");
  flag("memory_spread_slab", "cpuset.memory_spread_slab");
  flag("memory_pressure", "cpuset.memory_pressure");
  flag("sched_load_balance", "cpuset.sched_load_balance");
  const StatFile level(cpuset, "cpuset.sched_relax_domain_level");
  writer.key("sched_relax_domain_level");
  if (level.text().starts_with("-")) {
    writer.integer(-1);
  } else {
    writer.natural(level.number());
  }
  writer.end_object();
}

MemoryCount count_memory(const CgroupFolder* memory, const std::string& prefix) {
  const auto number = [&](const char* file) { return StatFile(memory, prefix + file).number(); };
  return {number("limit_in_bytes"), number("usage_in_bytes"), number("max_usage_in_bytes"),
          number("failcnt")};
}

void write_all_memory(JsonWriter& writer, const CgroupFolder* memory) {
  const StatFile stat(memory, "memory.stat");
  writer.key("memory").begin_object();
  write_count(writer, "cache", stat.field("cache"));
  write_memory(writer, "usage", count_memory(memory, "memory."));
  write_memory(writer, "swap", count_memory(memory, "memory.memsw."));
  write_memory(writer, "kernel", count_memory(memory, "memory.kmem."));
  write_memory(writer, "kernelTCP", count_memory(memory, "memory.kmem.tcp."));
  write_raw_memory(writer, stat);
  writer.end_object();
}

/** `major:minor operation value` */
void write_block_file(JsonWriter& writer, const CgroupFolder* blkio, const char* name,
                      const char* file) {
  bool has_entries = false;
  StatFile(blkio, file).each_line([&](const auto& words) {
    const size_t colon = words.empty() ? std::string_view::npos : words[0].find(':');
    if (words.size() < 2 || words.size() > 3 || colon == std::string_view::npos) return;
    if (!has_entries) writer.key(name).begin_array();
    has_entries = true;
    writer.begin_object();
    write_count(writer, "major", StatFile::parse(words[0].substr(0, colon)));
    write_count(writer, "minor", StatFile::parse(words[0].substr(colon + 1)));
    if (words.size() == 3) writer.key("op").string(words[1]);
    write_count(writer, "value", StatFile::parse(words.back()));
    writer.end_object();
  });
  if (has_entries) writer.end_array();
}

void write_block_io(JsonWriter& writer, const CgroupFolder* blkio) {
  const bool has_bfq = !StatFile(blkio, "blkio.bfq.io_serviced_recursive").is_empty();
  writer.key("blkio").begin_object();
  write_block_file(writer, blkio, "ioServiceBytesRecursive",
                   has_bfq ? "blkio.bfq.io_service_bytes_recursive"
                           : "blkio.throttle.io_service_bytes_recursive");
  write_block_file(
      writer, blkio, "ioServicedRecursive",
      has_bfq ? "blkio.bfq.io_serviced_recursive" : "blkio.throttle.io_serviced_recursive");
  writer.end_object();
}

}  // namespace

void write_stats_v1(JsonWriter& writer, const Cgroup& cgroup) {
  write_cpu(writer, cgroup.find("cpu"), cgroup.find("cpuacct"));
  write_cpuset(writer, cgroup.find("cpuset"));
  write_all_memory(writer, cgroup.find("memory"));
  writer.key("pids").begin_object();
  write_count(writer, "current", StatFile(cgroup.find("pids"), "pids.current").number());
  write_count(writer, "limit", StatFile(cgroup.find("pids"), "pids.max").number());
  writer.end_object();
  write_block_io(writer, cgroup.find("blkio"));
  write_hugepages(writer, cgroup.find("hugetlb"), "usage_in_bytes", "max_usage_in_bytes",
                  "failcnt");
}

}  // namespace ocup
