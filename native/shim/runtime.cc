#include "shim/runtime.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/own_pages.h"
#include "runtime/runtime_main.h"
#include "runtime/self_protection.h"

namespace ocup::shim {

namespace {

constexpr size_t kMaxMessageBytes = 4096;

std::string trim(std::string text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  if (text.size() > kMaxMessageBytes) text.resize(kMaxMessageBytes);
  return text;
}

/** The message of a line of the log, if the line reports an error. */
std::string error_of_line(const std::string& line) {
  try {
    const JsonDocument document(line, "log");
    const JsonNode root(document.root());
    const std::string level = root.string("level", "");
    return level == "error" || level == "fatal" ? trim(root.string("msg", "")) : "";
  } catch (const SpecError&) {
    return "";  // a line that was cut off, or no JSON: nothing to quote from it
  }
}

std::string last_error_of_log(const std::string& path) {
  std::string found;
  std::string text;
  try {
    text = read_file(path, 16u << 20);
  } catch (const SysError&) {
    return "";  // it ended before it opened its log
  }
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string error = error_of_line(text.substr(start, end - start));
    if (!error.empty()) found = error;
    start = end + 1;
  }
  return found;
}

std::string written_to(int fd) {
  std::string text(kMaxMessageBytes, '\0');
  const ssize_t count = ::pread(fd, text.data(), text.size(), 0);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    return "the runtime was ended by signal " + std::to_string(WTERMSIG(status));
  }
  return "the runtime ended with code " + std::to_string(WEXITSTATUS(status));
}

/** `error_output` gives what it wrote on standard error. */
RuntimeResult result_of(int status, const RunFile& log,
                        const std::function<std::string()>& error_output) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {true, ""};
  std::string message = last_error_of_log(log.path());
  if (message.empty()) message = trim(error_output());
  if (message.empty()) message = describe_end(status);
  return {false, message};
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Runtime::Runtime(Reaper& reaper, RunFolder& folder, const ShimConfig& config)
    : reaper_(reaper),
      folder_(folder),
      config_(config),
      is_built_in_(config.is_own_runtime && is_own_executable_protected()) {}

void Runtime::run(const std::vector<std::string>& args, Callback callback) {
  const auto log = std::make_shared<RunFile>(folder_, "runtime-" + folder_.next_number() + ".log");
  // A file and no pipe, so that a talkative runtime cannot block.
  const auto errors = std::make_shared<UniqueFd>(::memfd_create("runtime-stderr", MFD_CLOEXEC));
  run(args, {-1, -1, errors->get()}, *log, [log, errors, callback](int status) {
    callback(result_of(status, *log, [&] { return written_to(errors->get()); }));
  });
}

void Runtime::run(std::vector<std::string> args, const ProcessIo& io, Callback callback) {
  const auto log = std::make_shared<RunFile>(folder_, "runtime-" + folder_.next_number() + ".log");
  if (io.has_console()) args.insert(args.end() - 1, {"--console-socket", io.console_path()});
  run(args, io.child_stdio(), *log, [log, &io, callback](int status) {
    callback(result_of(status, *log, [&] { return io.read_errors(); }));
  });
}

void Runtime::run(const std::vector<std::string>& args, const ChildStdio& stdio, const RunFile& log,
                  Reaper::Callback callback) {
  std::vector<std::string> words = {"--root", config_.runtime_root, "--log", log.path(),
                                    "--log-format", "json"};
  words.insert(words.end(), args.begin(), args.end());
  reaper_.on_exit(start(std::move(words), stdio), std::move(callback));
}

pid_t Runtime::start(std::vector<std::string> words, const ChildStdio& stdio) const {
  if (is_built_in_) {
    const auto run = [&words] {
      map_own_program();
      return runtime_main(words);
    };
    return fork_to("ocup-runtime", run, stdio);
  }
  words.insert(words.begin(), config_.runtime);
  return spawn(words, stdio);
}

const char* classify_error(const std::string& message) {
  if (contains(message, "error mounting")) return "mount";
  if (contains(message, "executable file") && contains(message, "not found")) return "not-found";
  const bool is_about_exec = contains(message, "exec: ") || contains(message, "exec `") ||
                             contains(message, "open executable");
  if (!is_about_exec) return "runtime";
  if (contains(message, "no such file or directory")) return "not-found";
  if (contains(message, "No such file or directory")) return "not-found";
  for (const char* reason : {"ermission denied", "s a directory", "xec format error"}) {
    if (contains(message, reason)) return "not-executable";
  }
  return "runtime";
}

pid_t read_pid_file(const std::string& path) {
  const std::string text = trim(read_file(path, 64));
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) {
    throw UserError("the runtime wrote no process number into its pid file");
  }
  return pid;
}

}  // namespace ocup::shim
