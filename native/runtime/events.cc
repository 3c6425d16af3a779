#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "runtime/cgroup_stats.h"
#include "runtime/commands.h"
#include "runtime/log.h"
#include "runtime/state.h"

namespace ocup {

namespace {

void print_event(const std::string& id, const char* type, const std::string& data) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("type").string(type);
  writer.key("id").string(id);
  if (!data.empty()) writer.key("data").raw(data);
  writer.end_object();
  print(writer.text() + "\n");
}

[[noreturn]] void refuse_duration(const std::string& text) {
  throw UserError("invalid value \"" + text +
                  "\" for flag --interval: use a duration like 500ms, 5s, 1m");
}

/** A duration as Go writes it: `5s`, `1m30s`, `100ms`. */
int parse_duration_ms(const std::string& text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  double total = 0;
  while (at < end) {
    double number = 0;
    const auto [next, error] = std::from_chars(at, end, number, std::chars_format::fixed);
    if (error != std::errc() || number < 0) refuse_duration(text);
    const char* stop = next;
    while (stop < end && (*stop < '0' || *stop > '9') && *stop != '.') ++stop;
    const std::string_view unit(next, static_cast<size_t>(stop - next));
    if (unit == "ms") {
      total += number;
    } else if (unit == "s") {
      total += number * 1e3;
    } else if (unit == "m") {
      total += number * 60e3;
    } else if (unit == "h") {
      total += number * 3600e3;
    } else {
      refuse_duration(text);
    }
    at = stop;
  }
  if (total < 1 || total > INT32_MAX) throw UserError("duration interval must be greater than 0");
  return static_cast<int>(total);
}

/** Tells when the kernel has run out of the memory that the container may use. */
class OutOfMemory {
 public:
  explicit OutOfMemory(const Cgroup& cgroup) {
    if (const CgroupFolder* memory = cgroup.find("memory")) {
      watch_v1(*memory);
    } else if (cgroup.is_unified()) {
      unified_ = &cgroup.folders().front();
      kills_ = count_kills();
      fd_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
      const std::string path = unified_->folder() + "/memory.events";
      // Without a memory controller there is nothing to run out of.
      if (::inotify_add_watch(fd_.get(), path.c_str(), IN_MODIFY) < 0) fd_.reset();
    }
  }

  int fd() const { return fd_.get(); }

  /** To be asked when the descriptor can be read. */
  bool has_happened() {
    char events[4096];
    if (::read(fd_.get(), events, sizeof events) <= 0) return false;
    // Version 1 also wakes whoever watches a cgroup that is taken away.
    if (unified_ == nullptr) return ::access(control_.c_str(), F_OK) == 0;
    const uint64_t before = kills_;
    kills_ = count_kills();
    return kills_ > before;
  }

 private:
  void watch_v1(const CgroupFolder& memory) {
    control_ = memory.folder() + "/cgroup.event_control";
    oom_control_ = open_file(memory.folder() + "/memory.oom_control", O_RDONLY);
    fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!fd_) throw SysError(errno, "eventfd");
    write_cgroup_file(control_,
                      std::to_string(fd_.get()) + " " + std::to_string(oom_control_.get()));
  }

  uint64_t count_kills() const { return StatFile(unified_, "memory.events").field("oom_kill"); }

  UniqueFd fd_;
  UniqueFd oom_control_;
  std::string control_;
  const CgroupFolder* unified_ = nullptr;
  uint64_t kills_ = 0;
};

int64_t now_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

/** How often a process without a pidfd is looked at. */
constexpr int64_t kGlanceMs = 100;

/** Prints until the first process ends. */
void follow(const ContainerState& state, const ProcessHandle& process, int interval_ms) {
  OutOfMemory out_of_memory(state.cgroup);
  int64_t next = now_ms() + interval_ms;
  for (;;) {
    pollfd polls[2] = {{out_of_memory.fd(), POLLIN, 0}, {process.pidfd(), POLLIN, 0}};
    int64_t left = next - now_ms();
    const bool is_blind = process.pidfd() < 0;
    if (is_blind) left = std::min(left, kGlanceMs);
    const int ready = ::poll(polls, 2, left > 0 ? static_cast<int>(left) : 0);
    if (ready < 0 && errno != EINTR) throw SysError(errno, "poll");
    if (polls[0].revents != 0 && out_of_memory.has_happened()) print_event(state.id, "oom", "");
    if (polls[1].revents != 0 || (is_blind && process.await_end(0))) return;
    if (ready == 0 && now_ms() >= next) {
      print_event(state.id, "stats", cgroup_stats(state.cgroup));
      next += interval_ms;
    }
  }
}

}  // namespace

int run_events(const GlobalOptions& global, const Arguments& arguments) {
  const int interval_ms = parse_duration_ms(arguments.value("interval", "5s"));
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  const ContainerState state = folder.load();
  const ProcessHandle process(state.pid);
  if (!process || state.status(folder.fd()) == Status::kStopped) {
    throw UserError("container with id " + state.id + " is not running");
  }
  if (arguments.has("stats")) {
    print_event(state.id, "stats", cgroup_stats(state.cgroup));
    return 0;
  }
  follow(state, process, interval_ms);
  return 0;
}

}  // namespace ocup
