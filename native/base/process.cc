#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <ctime>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

int64_t monotonic_ms() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) throw SysError(errno, "pipe2");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/** In the child: never returns. Reports a failed execve as an errno on `status_fd`. */
[[noreturn]] void execute(const Program& program, int input_fd, int output_fd, int status_fd) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(input_fd, STDIN_FILENO);
  if (output_fd >= 0) {
    ::dup2(output_fd, STDOUT_FILENO);
    ::dup2(output_fd, STDERR_FILENO);
  }
  std::vector<char*> args = exec_list(program.args);
  std::vector<char*> env = exec_list(program.env);
  ::execve(program.path.c_str(), args.data(), env.data());
  const int error_number = errno;
  if (::write(status_fd, &error_number, sizeof error_number) < 0) ::_exit(126);
  ::_exit(127);
}

class Conversation {
 public:
  Conversation(const Program& program, Pipe& input, Pipe& output, const ProcessHandle& process)
      : program_(program), input_(input), output_(output), process_(process) {
    ::fcntl(input_.write_end.get(), F_SETFL, O_NONBLOCK);
    if (program.input.empty()) input_.write_end.reset();
    if (program.timeout_ms > 0) deadline_ = monotonic_ms() + program.timeout_ms;
  }

  /** Feeds and drains the program until it has ended. False: it ran out of time. */
  bool run() {
    for (;;) {
      int left = deadline_ < 0 ? -1 : static_cast<int>(deadline_ - monotonic_ms());
      if (deadline_ >= 0 && left <= 0) return false;
      const bool is_blind = process_.pidfd() < 0;
      if (is_blind) left = left < 0 ? kGlanceMs : std::min(left, kGlanceMs);
      pollfd polls[3] = {{input_.write_end.get(), POLLOUT, 0},
                         {output_.read_end.get(), POLLIN, 0},
                         {process_.pidfd(), POLLIN, 0}};
      if (::poll(polls, 3, left) < 0 && errno != EINTR) throw SysError(errno, "poll");
      if (polls[0].revents != 0) feed();
      if (polls[1].revents != 0) drain();
      if (polls[2].revents != 0 || (is_blind && process_.await_end(0))) {
        if (output_.read_end) ::fcntl(output_.read_end.get(), F_SETFL, O_NONBLOCK);
        while (output_.read_end && drain()) continue;
        return true;
      }
    }
  }

 private:
  void feed() {
    const std::string_view rest = std::string_view(program_.input).substr(written_);
    const ssize_t count = ::write(input_.write_end.get(), rest.data(), rest.size());
    if (count > 0) written_ += static_cast<size_t>(count);
    const bool is_over = count < 0 && errno != EAGAIN && errno != EINTR;
    if (is_over || written_ == program_.input.size()) input_.write_end.reset();
  }

  bool drain() {
    char bytes[4096];
    const ssize_t count = ::read(output_.read_end.get(), bytes, sizeof bytes);
    if (count > 0 && program_.output->size() < kMaxOutput) {
      program_.output->append(bytes, static_cast<size_t>(count));
    }
    if (count == 0 || (count < 0 && errno != EINTR)) output_.read_end.reset();
    return count > 0;
  }

  static constexpr size_t kMaxOutput = 1u << 20;
  /** How often a process without a pidfd is looked at. */
  static constexpr int kGlanceMs = 5;
  const Program& program_;
  Pipe& input_;
  Pipe& output_;
  const ProcessHandle& process_;
  int64_t deadline_ = -1;
  size_t written_ = 0;
};

}  // namespace

std::optional<ProcessStat> find_process(pid_t pid) {
  char path[32];
  ::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[1024];
  const ssize_t length = ::read(fd.get(), text, sizeof text - 1);
  if (length <= 0) return std::nullopt;
  text[length] = '\0';
  // The second field is the program's name, which may hold anything: the last `)` ends it.
  const char* rest = ::strrchr(text, ')');
  if (rest == nullptr) return std::nullopt;
  ProcessStat stat = {};
  unsigned long user_ticks = 0;
  unsigned long system_ticks = 0;
  unsigned long long start_time = 0;
  const int count =
      ::sscanf(rest + 1,
               " %c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d "
               "%*d %*d %llu",
               &stat.state, &stat.parent, &stat.terminal, &user_ticks, &system_ticks, &start_time);
  if (count != 6) return std::nullopt;
  stat.start_time = start_time;
  stat.cpu_ticks = user_ticks + system_ticks;
  return stat;
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

ProcessHandle::ProcessHandle(pid_t pid) : pid_(pid), fd_(open_pidfd(pid)) {
  if (fd_ || !is_call_refused(errno)) return;
  const std::string path = "/proc/" + std::to_string(pid);
  folder_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int ProcessHandle::signal(int signal_number) const {
  if (fd_) {
    if (::syscall(SYS_pidfd_send_signal, fd_.get(), signal_number, nullptr, 0) == 0) return 0;
    if (!is_call_refused(errno)) return errno;
  }
  // Looked at last thing before: what is left of the race is the time between these two calls.
  if (has_ended()) return ESRCH;
  return ::kill(pid_, signal_number) < 0 ? errno : 0;
}

bool ProcessHandle::await_end(int timeout_ms) const {
  pollfd poll_one = {fd_.get(), POLLIN, 0};
  if (fd_) return ::poll(&poll_one, 1, timeout_ms) > 0;
  const int64_t deadline = monotonic_ms() + timeout_ms;
  while (!has_ended()) {
    if (monotonic_ms() >= deadline) return false;
    ::usleep(1000);
  }
  return true;
}

bool ProcessHandle::has_ended() const {
  if (fd_) return await_end(0);
  // The folder of a process that is gone stays empty, whoever has the pid by now.
  const UniqueFd stat(::openat(folder_.get(), "stat", O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t length = stat ? ::read(stat.get(), text, sizeof text - 1) : -1;
  if (length <= 0) return true;
  text[length] = '\0';
  const char* rest = ::strrchr(text, ')');
  return rest == nullptr || rest[1] == '\0' || rest[2] == 'Z' || rest[2] == 'X';
}

int wait_for(pid_t pid) {
  int status = 0;
  if (retry_interrupted([&] { return ::waitpid(pid, &status, 0); }) < 0) {
    throw SysError(errno, "waitpid");
  }
  return status;
}

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::optional<int> parse_signal(const std::string& text) {
  if (const auto number = parse_number(text)) {
    return *number >= 0 && *number <= SIGRTMAX ? number : std::nullopt;
  }
  std::string name;
  for (const char c : text) {
    name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < 32; ++number) {
    const char* abbreviation = ::sigabbrev_np(number);
    if (abbreviation != nullptr && name == abbreviation) return number;
  }
  if (name == "IOT") return SIGABRT;
  if (name == "CLD") return SIGCHLD;
  if (name == "POLL") return SIGIO;
  if (name == "RTMIN") return SIGRTMIN;
  if (name == "RTMAX") return SIGRTMAX;
  if (name.starts_with("RTMIN+")) {
    const auto offset = parse_number(std::string_view(name).substr(6));
    if (offset && *offset >= 0 && *offset <= SIGRTMAX - SIGRTMIN) return SIGRTMIN + *offset;
  }
  if (name.starts_with("RTMAX-")) {
    const auto offset = parse_number(std::string_view(name).substr(6));
    if (offset && *offset >= 0 && *offset <= SIGRTMAX - SIGRTMIN) return SIGRTMAX - *offset;
  }
  return std::nullopt;
}

ProgramResult run_program(const Program& program) {
  Pipe input = make_pipe();
  Pipe status = make_pipe();
  Pipe output;
  if (program.output != nullptr) output = make_pipe();
  const auto previous = ::signal(SIGPIPE, SIG_IGN);
  const pid_t pid = ::fork();
  if (pid < 0) throw SysError(errno, "fork");
  if (pid == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    execute(program, input.read_end.get(), output.write_end.get(), status.write_end.get());
  }
  input.read_end.reset();
  output.write_end.reset();
  status.write_end.reset();
  int error_number = 0;
  const ssize_t count = retry_interrupted(
      [&] { return ::read(status.read_end.get(), &error_number, sizeof error_number); });
  if (count > 0) {
    wait_for(pid);
    ::signal(SIGPIPE, previous);
    throw SysError(error_number, "exec", program.path);
  }
  const ProcessHandle process(pid);
  const bool is_timed_out = !Conversation(program, input, output, process).run();
  if (is_timed_out) ::kill(pid, SIGKILL);
  const int wait_status = wait_for(pid);
  ::signal(SIGPIPE, previous);
  return {wait_status, is_timed_out};
}

std::vector<char*> exec_list(const std::vector<std::string>& list) {
  std::vector<char*> pointers;
  pointers.reserve(list.size() + 1);
  // execve takes pointers to what it does not change.
  for (const std::string& text : list) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace ocup
