#include "shim/exit_record.h"

#include <sys/wait.h>

#include "base/json.h"
#include "base/process.h"
#include "shim/clock.h"

namespace ocup::shim {

std::string ExitRecord::json() const {
  JsonWriter writer;
  writer.begin_object();
  writer.key("pid").integer(pid).key("exitCode").integer(exit_code).key("signal").integer(signal);
  writer.key("isOomKilled").boolean(is_oom_killed).key("exitedAt").string(exited_at);
  if (memory.limit > 0) writer.key("memoryLimitBytes").integer(memory.limit);
  if (memory.peak > 0) writer.key("memoryPeakBytes").integer(memory.peak);
  return writer.end_object().text();
}

ExitRecord make_exit_record(pid_t pid, int wait_status, const Cgroup& cgroup) {
  const bool is_oom_killed = cgroup.has_oom_kill();
  return {pid,
          exit_code_of(wait_status),
          WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
          is_oom_killed,
          is_oom_killed ? cgroup.memory_use() : MemoryUse{},
          timestamp()};
}

}  // namespace ocup::shim
