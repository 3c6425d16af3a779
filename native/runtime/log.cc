#include "runtime/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace ocup {

namespace {

struct Log {
  UniqueFd file;
  bool is_json = false;
  bool has_debug = false;
  bool is_closed = false;
  timespec start = {};
};

Log& log() {
  static Log instance;
  return instance;
}

std::string quoted(std::string_view text) {
  JsonWriter writer;
  writer.string(text);
  return writer.text();
}

std::string format(std::string_view level, std::string_view message) {
  if (log().is_json) {
    JsonWriter writer;
    writer.begin_object();
    writer.key("level").string(level);
    writer.key("msg").string(message);
    writer.key("time").string(utc_time(false));
    writer.end_object();
    return writer.text() + "\n";
  }
  return "time=" + quoted(utc_time(false)) + " level=" + std::string(level) +
         " msg=" + quoted(message) + "\n";
}

void put(int fd, std::string_view text) {
  // There is nowhere left to report to when the log itself fails.
  if (::write(fd, text.data(), text.size()) < 0) return;
}

void put_line(std::string_view level, std::string_view message) {
  if (log().is_closed) return;
  put(log().file ? log().file.get() : STDERR_FILENO, format(level, message));
}

}  // namespace

void configure_log(const std::string& file, const std::string& format, bool has_debug) {
  if (format != "text" && format != "json")
    throw UserError("unknown log-format \"" + format + "\"");
  log().is_json = format == "json";
  log().has_debug = has_debug;
  if (has_debug) ::clock_gettime(CLOCK_MONOTONIC, &log().start);
  if (!file.empty()) log().file = open_file(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

void log_error(std::string_view message) {
  put_line("error", message);
  if (log().file) put(STDERR_FILENO, std::string(message) + "\n");
}

void log_warning(std::string_view message) { put_line("warning", message); }

void log_step(std::string_view step) {
  if (!log().has_debug) return;
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const long microseconds =
      (now.tv_sec - log().start.tv_sec) * 1000000 + (now.tv_nsec - log().start.tv_nsec) / 1000;
  put_line("debug", "pid " + std::to_string(::getpid()) + " after " + std::to_string(microseconds) +
                        " us: " + std::string(step));
}

int log_fd() { return log().file.get(); }

void close_log() {
  log().is_closed = true;
  log().file.reset();
}

std::string utc_time(bool has_nanoseconds) {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts = {};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[64];
  const size_t length = ::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string time(text, length);
  if (has_nanoseconds) {
    ::snprintf(text, sizeof text, ".%09ld", now.tv_nsec);
    time += text;
  }
  return time + "Z";
}

}  // namespace ocup
