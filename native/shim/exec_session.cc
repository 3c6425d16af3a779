#include "shim/exec_session.h"

#include <sys/wait.h>

#include <csignal>
#include <exception>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace ocup::shim {

namespace {

constexpr size_t kMaxQueuedBytes = 256 * 1024;

const char* code_of_failure(const std::string& message) {
  const std::string_view kind = classify_error(message);
  if (kind == "not-found") return "E_CONTAINER_EXEC_NOT_FOUND";
  if (kind == "not-executable") return "E_CONTAINER_EXEC_DENIED";
  return "E_CONTAINER_RUNTIME";
}

}  // namespace

ExecSession::ExecSession(const ExecContext& context, ExecRequest request, Caller caller,
                         std::function<void()> on_done)
    : context_(context),
      request_(std::move(request)),
      caller_(std::move(caller)),
      on_done_(std::move(on_done)),
      io_(context.folder, request_.has_tty, request_.has_stdin),
      outputs_(
          context.loop, [this](Stream stream, std::string_view bytes) { on_output(stream, bytes); },
          [](Stream) {}) {}

ExecSession::~ExecSession() { context_.loop.cancel(timer_); }

void ExecSession::start() {
  const std::string number = context_.folder.next_number();
  process_file_.emplace(context_.folder, "exec-" + number + ".json");
  pid_file_.emplace(context_.folder, "exec-" + number + ".pid");
  write_file_atomic(process_file_->path(), request_.process);
  hold_.emplace(context_.reaper);
  context_.runtime.run({"exec", "--process", process_file_->path(), "--pid-file", pid_file_->path(),
                        "--detach", context_.id},
                       io_, [this](const RuntimeResult& result) { on_made(result); });
  if (request_.timeout_ms > 0) {
    timer_ = context_.loop.after(request_.timeout_ms, [this] { on_timeout(); });
  }
  caller_->upgrade({[this](FrameType type, std::string_view payload) { on_frame(type, payload); },
                    [this] { on_hang_up(); },
                    [this] {
                      if (caller_->queued() <= kMaxQueuedBytes / 2) outputs_.resume();
                    }});
  // Nothing of the caller's is read before there is somewhere to put it.
  caller_->pause();
}

void ExecSession::on_made(const RuntimeResult& result) {
  process_file_.reset();
  if (!result.is_done) return fail(code_of_failure(result.message), result.message);
  try {
    connect();
  } catch (const std::exception& error) {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    fail("E_CONTAINER_RUNTIME", error.what());
  }
}

void ExecSession::connect() {
  pid_ = read_pid_file(pid_file_->path());
  pid_file_.reset();
  io_.connect();
  terminal_ = io_.take_terminal();
  if (terminal_ && request_.size) {
    set_terminal_size(terminal_.get(), request_.size->rows, request_.size->columns);
  }
  outputs_.add(Stream::kStdout, io_.take_output(), request_.has_tty);
  if (!request_.has_tty) outputs_.add(Stream::kStderr, io_.take_error(), false);
  if (UniqueFd input = io_.take_input()) {
    input_.emplace(context_.loop, std::move(input), [this] { caller_->resume(); });
  }
  if (!has_caller_ && input_) input_->close();
  if (is_timed_out_) on_timeout();
  caller_->resume();
  // Last: from here on the session ends with the process, and no sooner.
  context_.reaper.on_exit(pid_, [this](int wait_status) { on_ended(wait_status); });
  hold_.reset();
}

void ExecSession::on_frame(FrameType type, std::string_view payload) {
  switch (type) {
    case FrameType::kStdin:
      if (input_) input_->write(payload);
      if (input_ && input_->is_full()) caller_->pause();
      return;
    case FrameType::kStdinEnd:
      // A terminal's input has no end: its master is one descriptor for both ways.
      if (input_ && !terminal_) input_->end();
      return;
    case FrameType::kResize: {
      const TerminalSize size = parse_size_frame(payload);
      if (terminal_) set_terminal_size(terminal_.get(), size.rows, size.columns);
      return;
    }
    case FrameType::kSignal: {
      const int signal_number = parse_signal_frame(payload);
      if (pid_ > 0) ::kill(pid_, signal_number);
      return;
    }
    case FrameType::kStdout:
    case FrameType::kStderr:
    case FrameType::kExit:
    case FrameType::kError:
      throw SpecError("", "a frame of this type is for the caller only");
  }
}

void ExecSession::on_output(Stream stream, std::string_view bytes) {
  if (!has_caller_) return;
  caller_->send_frame(stream == Stream::kStdout ? FrameType::kStdout : FrameType::kStderr, bytes);
  if (caller_->queued() > kMaxQueuedBytes) outputs_.pause();
}

void ExecSession::on_hang_up() {
  has_caller_ = false;
  if (input_ && !terminal_) input_->close();
  outputs_.resume();
}

void ExecSession::on_timeout() {
  is_timed_out_ = true;
  if (pid_ == 0) return;  // the runtime is still at it: as soon as it is done
  // A runtime makes the process the leader of a session, so its children go too where they stayed
  // in it.
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
}

void ExecSession::on_ended(int wait_status) {
  context_.loop.cancel(timer_);
  pid_ = 0;
  exit_code_ = exit_code_of(wait_status);
  outputs_.drain([this] { finish(); });
}

void ExecSession::fail(const char* code, const std::string& message) {
  hold_.reset();
  pid_file_.reset();
  context_.loop.cancel(timer_);
  if (has_caller_) caller_->send_error_frame(code, message);
  context_.loop.later(on_done_);
}

void ExecSession::finish() {
  if (has_caller_) {
    JsonWriter writer;
    writer.begin_object().key("exitCode").integer(exit_code_).end_object();
    caller_->send_frame(FrameType::kExit, writer.text());
    caller_->finish();
  }
  context_.loop.later(on_done_);
}

}  // namespace ocup::shim
