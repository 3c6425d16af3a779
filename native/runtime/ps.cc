#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "runtime/commands.h"
#include "runtime/state.h"

namespace ocup {

namespace {

std::string command_of(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::string text = read_file(folder + "/cmdline");
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (!text.empty()) return text;
  std::string name = read_file(folder + "/comm");
  if (!name.empty()) name.pop_back();
  return "[" + name + "]";
}

std::string terminal_name(int device) {
  const unsigned major = static_cast<unsigned>(device) >> 8 & 0xfff;
  const unsigned minor =
      (static_cast<unsigned>(device) & 0xff) | (static_cast<unsigned>(device) >> 12 & 0xfff00);
  return major >= 136 && major < 144 ? "pts/" + std::to_string((major - 136) * 256 + minor) : "?";
}

double seconds_since_boot() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

/** A line as `ps -ef` writes it; empty when the process has ended meanwhile. */
std::string process_line(pid_t pid) {
  const auto stat = find_process(pid);
  struct stat owner = {};
  if (!stat || ::stat(("/proc/" + std::to_string(pid)).c_str(), &owner) < 0) return "";
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const double age = seconds_since_boot() - static_cast<double>(stat->start_time) / ticks;
  const auto cpu_seconds = static_cast<unsigned long>(static_cast<double>(stat->cpu_ticks) / ticks);
  const int share = age > 0 ? static_cast<int>(static_cast<double>(cpu_seconds) * 100 / age) : 0;
  const time_t started = ::time(nullptr) - static_cast<time_t>(age);
  tm parts = {};
  ::localtime_r(&started, &parts);
  char start[16];
  ::strftime(start, sizeof start, age < 86400 ? "%H:%M" : "%b%d", &parts);
  char line[256];
  ::snprintf(line, sizeof line, "%-8s %7d %7d %2d %-5s %-8s %02lu:%02lu:%02lu ",
             user_name(owner.st_uid, std::to_string(owner.st_uid)).c_str(), pid, stat->parent,
             share, start, terminal_name(stat->terminal).c_str(), cpu_seconds / 3600,
             cpu_seconds / 60 % 60, cpu_seconds % 60);
  try {
    return line + command_of(pid) + "\n";
  } catch (const SysError&) {
    return "";
  }
}

/** The lines of `ps ARGUMENT...` that are about the container's processes. */
std::string filtered_ps(const std::vector<std::string>& arguments, const std::vector<pid_t>& pids) {
  std::string output;
  Program program = {"/usr/bin/ps", {"ps"}, {"PATH=/usr/bin:/bin"}, "", 0, &output};
  program.args.insert(program.args.end(), arguments.begin(), arguments.end());
  if (run_program(program).wait_status != 0) throw UserError("ps: " + output);
  const size_t header_end = std::min(output.find('\n'), output.size());
  const std::string header = output.substr(0, header_end);
  size_t column = 0;
  bool has_pid = false;
  for (size_t at = 0; at < header.size() && !has_pid; ++column) {
    at = header.find_first_not_of(' ', at);
    if (at == std::string::npos) break;
    const size_t end = std::min(header.find(' ', at), header.size());
    has_pid = header.substr(at, end - at) == "PID";
    at = end;
  }
  if (!has_pid) throw UserError("couldn't find PID field in ps output");
  std::string text = header + "\n";
  for (size_t start = header_end + 1; start < output.size();) {
    const size_t end = std::min(output.find('\n', start), output.size());
    const std::string line = output.substr(start, end - start);
    size_t at = 0;
    std::string word;
    for (size_t i = 0; i < column; ++i) {
      at = std::min(line.find_first_not_of(' ', at), line.size());
      const size_t stop = std::min(line.find(' ', at), line.size());
      word = line.substr(at, stop - at);
      at = stop;
    }
    pid_t pid = 0;
    std::from_chars(word.data(), word.data() + word.size(), pid);
    if (std::binary_search(pids.begin(), pids.end(), pid)) text += line + "\n";
    start = end + 1;
  }
  return text;
}

}  // namespace

int run_ps(const GlobalOptions& global, const Arguments& arguments) {
  const StateFolder folder = StateFolder::open(global.root, arguments.rest()[0]);
  const std::vector<pid_t> pids = folder.load().cgroup.processes();
  const std::string format = arguments.value("format", "table");
  if (format == "json") {
    JsonWriter writer;
    writer.begin_array();
    for (const pid_t pid : pids) writer.integer(pid);
    writer.end_array();
    print(writer.text() + "\n");
    return 0;
  }
  if (format != "table") throw UserError("invalid format option");
  if (arguments.rest().size() > 1) {
    print(filtered_ps({arguments.rest().begin() + 1, arguments.rest().end()}, pids));
    return 0;
  }
  std::string text = "UID          PID    PPID  C STIME TTY          TIME CMD\n";
  for (const pid_t pid : pids) text += process_line(pid);
  print(text);
  return 0;
}

}  // namespace ocup
