#include "shim/container.h"

#include <sys/stat.h>

#include <csignal>
#include <exception>

#include "base/error.h"
#include "base/file.h"

namespace ocup::shim {

namespace {

constexpr int64_t kRecordRetryMs = 500;
constexpr int64_t kLogRetryMs = 200;
/** For a process that has ended, and is to be told of, while its log's disk is full. */
constexpr int64_t kMaxLogWaitMs = 2000;
constexpr size_t kMaxKeptLogBytes = 4 << 20;

}  // namespace

Container::Container(EventLoop& loop, Reaper& reaper, RunFolder& folder, const ShimConfig& config)
    : loop_(loop),
      reaper_(reaper),
      folder_(folder),
      config_(config),
      runtime_(reaper, folder, config),
      io_(folder, config.has_tty, config.is_stdin_open),
      outputs_(
          loop, [this](Stream stream, std::string_view bytes) { on_output(stream, bytes); },
          [this](Stream stream) {
            if (log_) log_->finish(stream);
          }),
      attachments_(loop, outputs_) {
  if (!config.log_path.empty()) {
    log_.emplace(config.log_path, config.log_max_bytes, config.log_max_files);
    if (!config.journal.empty()) log_->copy_to(config.journal);
  }
}

Container::~Container() {
  loop_.cancel(record_timer_);
  loop_.cancel(removal_timer_);
  loop_.cancel(log_timer_);
  if (status_ == Status::kCreating && log_) log_->remove_if_empty();
}

void Container::create(OnCreated on_created) {
  // What another made under this id is not ours to undo.
  const std::string state = config_.runtime_root + "/" + config_.id;
  if (::access(state.c_str(), F_OK) == 0) {
    throw UserError("the runtime has a container " + config_.id + " already");
  }
  on_created_ = std::move(on_created);
  pid_file_.emplace(folder_, "pid");
  hold_.emplace(reaper_);
  runtime_.run({"create", "--bundle", config_.bundle, "--pid-file", pid_file_->path(), config_.id},
               io_, [this](const RuntimeResult& result) { on_made(result); });
}

void Container::on_made(const RuntimeResult& result) {
  if (!result.is_done) return fail_creation(result.message);
  try {
    connect();
  } catch (const std::exception& error) {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    return fail_creation(error.what());
  }
  on_created_(nullptr);
}

void Container::connect() {
  pid_ = read_pid_file(pid_file_->path());
  pid_file_.reset();
  cgroup_ = Cgroup::of_process(pid_);
  io_.connect();
  terminal_ = io_.take_terminal();
  outputs_.add(Stream::kStdout, io_.take_output(), config_.has_tty);
  if (!config_.has_tty) outputs_.add(Stream::kStderr, io_.take_error(), false);
  if (UniqueFd input = io_.take_input()) {
    input_.emplace(loop_, std::move(input), [this] { attachments_.resume_input(); });
  }
  status_ = Status::kCreated;
  reaper_.on_exit(pid_, [this](int wait_status) { on_ended(wait_status); });
  hold_.reset();
}

void Container::fail_creation(const std::string& message) {
  hold_.reset();
  pid_file_.reset();
  try {
    runtime_.run({"delete", "--force", config_.id},
                 [this, message](const RuntimeResult&) { on_created_(&message); });
  } catch (const SysError&) {
    on_created_(&message);  // the first error says more than that its undoing failed too
  }
}

void Container::on_output(Stream stream, std::string_view bytes) {
  if (log_) {
    log_->write(stream, bytes);
    if (log_->kept_bytes() > 0 && !exit_) wait_for_disk();
    if (log_->kept_bytes() > kMaxKeptLogBytes) log_->give_up();
  }
  attachments_.send(stream, bytes);
}

/** The disk is full: what is written waits in the kernel, and so does who writes it. */
void Container::wait_for_disk() {
  outputs_.pause(Outputs::kDisk);
  if (log_timer_ == 0) log_timer_ = loop_.after(kLogRetryMs, [this] { retry_log(); });
}

void Container::retry_log() {
  log_timer_ = 0;
  log_->retry();
  if (is_drained_) return;
  if (exit_ && log_deadline_ > 0) return finish_log();
  if (log_->kept_bytes() > 0 && !exit_) return wait_for_disk();
  outputs_.resume(Outputs::kDisk);
}

/** All is read. A disk that stays full does not keep the exit from being told for ever. */
void Container::finish_log() {
  if (log_ && log_->kept_bytes() > 0) {
    if (log_deadline_ == 0) log_deadline_ = monotonic_ms() + kMaxLogWaitMs;
    if (monotonic_ms() < log_deadline_) {
      loop_.cancel(log_timer_);
      log_timer_ = loop_.after(kLogRetryMs, [this] { retry_log(); });
      return;
    }
    log_->give_up();
  }
  is_drained_ = true;
  tell_exit();
}

void Container::on_ended(int wait_status) {
  exit_ = make_exit_record(pid_, wait_status, cgroup_);
  status_ = Status::kExited;
  if (input_) input_->close();
  record_exit();
  outputs_.resume(Outputs::kDisk);  // what the pipes hold is not much
  outputs_.drain([this] {
    // Where a pipe is still held by somebody, the last line has no end but this.
    if (log_) {
      log_->finish(Stream::kStdout);
      log_->finish(Stream::kStderr);
    }
    finish_log();
  });
}

void Container::record_exit() {
  try {
    write_file_atomic(folder_.path("exit.json"), exit_->json() + "\n");
    is_recorded_ = true;
    tell_exit();
  } catch (const SysError&) {
    // The disk is full: nobody may be told before there is room, so it has to be tried until there
    // is.
    record_timer_ = loop_.after(kRecordRetryMs, [this] { record_exit(); });
  }
}

void Container::tell_exit() {
  if (!is_recorded_ || !is_drained_) return;
  is_exit_told_ = true;
  JsonWriter writer;
  writer.begin_object().key("exitCode").integer(exit_->exit_code);
  attachments_.finish(writer.end_object().text());
  for (const Caller& watcher : std::exchange(watchers_, {})) watch(watcher);
  check_removed();
}

void Container::watch(const Caller& caller) {
  if (!is_exit_told_) {
    std::erase_if(watchers_, [](const Caller& watcher) { return !watcher->is_open(); });
    watchers_.push_back(caller);
    return;
  }
  caller->send_event(JsonWriter()
                         .begin_object()
                         .key("kind")
                         .string("exit")
                         .key("exit")
                         .raw(exit_->json())
                         .end_object()
                         .text());
  caller->send_result("{}");
}

void Container::attach(const Caller& caller, bool has_stdin) {
  attachments_.add(
      caller, [this, has_stdin](Connection& connection, FrameType type, std::string_view payload) {
        if (!has_stdin && (type == FrameType::kStdin || type == FrameType::kStdinEnd)) return;
        on_attachment_frame(connection, type, payload);
      });
  if (is_exit_told_) tell_exit();
}

void Container::on_attachment_frame(Connection& caller, FrameType type, std::string_view payload) {
  switch (type) {
    case FrameType::kStdin:
      if (input_) input_->write(payload);
      if (input_ && input_->is_full()) caller.pause();
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
      if (status_ != Status::kExited) signal_directly(signal_number, false);
      return;
    }
    case FrameType::kStdout:
    case FrameType::kStderr:
    case FrameType::kExit:
    case FrameType::kError:
      throw SpecError("", "a frame of this type is for the caller only");
  }
}

void Container::exec(const Caller& caller, ExecRequest request) {
  if (status_ != Status::kRunning || on_removed_) {
    return caller->send_error(
        "E_CONTAINER_STATE",
        std::string("cannot run a command in a container that is ") + status_name(status_));
  }
  const ExecContext context = {loop_, reaper_, folder_, runtime_, config_.id};
  sessions_.emplace_front();
  const auto place = sessions_.begin();
  try {
    *place = std::make_unique<ExecSession>(context, std::move(request), caller, [this, place] {
      sessions_.erase(place);
      check_removed();
    });
    (*place)->start();
  } catch (...) {
    sessions_.erase(place);
    throw;
  }
}

void Container::signal_directly(int signal_number, bool is_for_all) const {
  if (is_for_all) cgroup_.signal_all(signal_number);
  // Not yet reaped, or it would have exited: the number is still its own.
  ::kill(pid_, signal_number);
}

}  // namespace ocup::shim
