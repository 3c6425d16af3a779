#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "shim/attachments.h"
#include "shim/process_io.h"
#include "shim/reaper.h"
#include "shim/requests.h"
#include "shim/run_folder.h"
#include "shim/runtime.h"
#include "shim/streams.h"

namespace ocup::shim {

/** What a session needs of its surroundings. */
struct ExecContext {
  EventLoop& loop;
  Reaper& reaper;
  RunFolder& folder;
  Runtime& runtime;
  const std::string& id;
};

/**
 * A further process in the container, and the caller who talks to it:
 *
 *     runtime exec ──▶ running ──▶ ended ──▶ output drained ──▶ exit frame, done
 *          └─ error frame, done
 *
 * When the caller hangs up the process runs on: its input ends and its output is thrown away.
 */
class ExecSession {
 public:
  /** `on_done` is called once, as a task; the session may be destroyed then. */
  ExecSession(const ExecContext& context, ExecRequest request, Caller caller,
              std::function<void()> on_done);
  ~ExecSession();
  ExecSession(const ExecSession&) = delete;
  ExecSession& operator=(const ExecSession&) = delete;

  /** Throws SysError; then the session is over. */
  void start();

 private:
  void on_made(const RuntimeResult& result);
  void connect();
  void on_frame(FrameType type, std::string_view payload);
  void on_output(Stream stream, std::string_view bytes);
  void on_hang_up();
  void on_timeout();
  void on_ended(int wait_status);
  void fail(const char* code, const std::string& message);
  void finish();

  ExecContext context_;
  ExecRequest request_;
  Caller caller_;
  std::function<void()> on_done_;
  std::optional<RunFile> process_file_;
  std::optional<RunFile> pid_file_;
  std::optional<Reaper::Hold> hold_;
  ProcessIo io_;
  Outputs outputs_;
  std::optional<InputSink> input_;
  UniqueFd terminal_;
  EventLoop::Timer timer_ = 0;
  pid_t pid_ = 0;
  int exit_code_ = 0;
  bool has_caller_ = true;
  bool has_input_ended_ = false;
  bool is_timed_out_ = false;
};

}  // namespace ocup::shim
