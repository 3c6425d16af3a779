#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/attachments.h"
#include "shim/cgroup.h"
#include "shim/config.h"
#include "shim/exec_session.h"
#include "shim/exit_record.h"
#include "shim/log_writer.h"
#include "shim/process_io.h"
#include "shim/reaper.h"
#include "shim/requests.h"
#include "shim/run_folder.h"
#include "shim/runtime.h"
#include "shim/streams.h"

namespace ocup::shim {

/**
 * The one container of this shim, from its creation to its removal:
 *
 *     creating ──▶ created ──▶ running ◀──▶ paused
 *                     └───────────┴────────────┴──▶ exited      remove: from each of these four
 *
 * INVARIANT: whoever is told of the exit can read it on disk, and all output that came before it is
 * written.
 */
class Container {
 public:
  enum class Status { kCreating, kCreated, kRunning, kPaused, kExited };

  Container(EventLoop& loop, Reaper& reaper, RunFolder& folder, const ShimConfig& config);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  /** `error` is null when the container is there; else all that the runtime made is undone. */
  using OnCreated = std::function<void(const std::string* error)>;
  /** Throws SysError. */
  void create(OnCreated on_created);
  pid_t pid() const { return pid_; }

  // Requests: each answers its caller, now or later, with a result or an error.
  void answer_state(const Caller& caller) const;
  /** With `is_watched` the caller is told that it started, and then as by `watch`. */
  void start(const Caller& caller, bool is_watched);
  void signal(const Caller& caller, int signal_number, bool is_for_all);
  void pause(const Caller& caller);
  void resume(const Caller& caller);
  void resize(const Caller& caller, TerminalSize size);
  void watch(const Caller& caller);
  void attach(const Caller& caller, bool has_stdin);
  void exec(const Caller& caller, ExecRequest request);

  /** Ends and deletes the container; calls back when nothing of it runs any more. */
  using OnRemoved = std::function<void()>;
  void remove(const Caller& caller, OnRemoved on_removed);

 private:
  void on_made(const RuntimeResult& result);
  void connect();
  void fail_creation(const std::string& message);
  void on_output(Stream stream, std::string_view bytes);
  void on_attachment_frame(Connection& caller, FrameType type, std::string_view payload);
  void on_ended(int wait_status);
  void wait_for_disk();
  void retry_log();
  void finish_log();
  void record_exit();
  void tell_exit();
  struct Change {
    const char* command;
    Status from;
    Status to;
  };
  void change_status(const Caller& caller, const Change& change, std::function<void()> on_changed);
  void signal_directly(int signal_number, bool is_for_all) const;
  bool refuse_unless_alive(const Caller& caller) const;
  void on_deleted(const RuntimeResult& result);
  void check_removed();
  void finish_removal();

  EventLoop& loop_;
  Reaper& reaper_;
  RunFolder& folder_;
  const ShimConfig& config_;
  Runtime runtime_;
  std::optional<LogWriter> log_;
  ProcessIo io_;
  Outputs outputs_;
  Attachments attachments_;
  std::optional<InputSink> input_;
  UniqueFd terminal_;
  std::optional<RunFile> pid_file_;
  std::optional<Reaper::Hold> hold_;
  OnCreated on_created_;
  Cgroup cgroup_;
  Status status_ = Status::kCreating;
  pid_t pid_ = 0;
  std::optional<ExitRecord> exit_;
  bool is_recorded_ = false;
  bool is_drained_ = false;
  bool is_exit_told_ = false;
  bool is_changing_ = false;
  EventLoop::Timer record_timer_ = 0;
  EventLoop::Timer log_timer_ = 0;
  /** Of the ended process's last lines on a full disk. */
  int64_t log_deadline_ = 0;
  std::vector<Caller> watchers_;
  std::list<std::unique_ptr<ExecSession>> sessions_;
  Caller remover_;
  OnRemoved on_removed_;
  std::string removal_error_;
  EventLoop::Timer removal_timer_ = 0;
  bool is_deleted_ = false;
};

/** In the words of `ShimState`. */
const char* status_name(Container::Status status);

}  // namespace ocup::shim
