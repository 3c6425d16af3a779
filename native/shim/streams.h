#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "shim/event_loop.h"

namespace ocup::shim {

enum class Stream : uint8_t { kStdout, kStderr };

/** One end from which a process's output comes: a pipe, or the master of its terminal. */
class OutputStream {
 public:
  struct Handlers {
    /** The bytes are gone when it returns. */
    std::function<void(std::string_view)> on_data;
    std::function<void()> on_end;
  };

  /** Reads from now on. A terminal without any process on it has not ended: one may open it again.
   */
  OutputStream(EventLoop& loop, UniqueFd fd, bool is_terminal, Handlers handlers);
  ~OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;

  /** Leaves what comes in the kernel, which makes the writer wait. */
  void pause();
  void resume();

  /** The process ended: a terminal without any other has ended too. */
  void mark_process_ended();

  bool has_ended() const { return !fd_; }
  bool is_paused() const { return is_paused_; }
  /** Whether there is something to read now. */
  bool has_waiting() const;
  uint64_t read_bytes() const { return read_bytes_; }

 private:
  void watch();
  void read();
  void end();

  EventLoop& loop_;
  UniqueFd fd_;
  Handlers handlers_;
  EventLoop::Timer retry_ = 0;
  uint64_t read_bytes_ = 0;
  bool is_terminal_;
  bool is_paused_ = false;
  bool has_process_ended_ = false;
};

/** The outputs of one process. */
class Outputs {
 public:
  using OnData = std::function<void(Stream, std::string_view)>;
  using OnEnd = std::function<void(Stream)>;

  Outputs(EventLoop& loop, OnData on_data, OnEnd on_end)
      : loop_(loop), on_data_(std::move(on_data)), on_end_(std::move(on_end)) {}
  ~Outputs() { loop_.cancel(timer_); }
  Outputs(const Outputs&) = delete;
  Outputs& operator=(const Outputs&) = delete;

  void add(Stream stream, UniqueFd fd, bool is_terminal);

  /** Who cannot take more now. */
  enum Reason : unsigned { kReader = 1, kDisk = 2 };
  /** Reads nothing until there is no reason any more. */
  void pause(Reason reason = kReader);
  void resume(Reason reason = kReader);

  /**
   * The process has ended: calls back once all it wrote was read. Others may hold its output open
   * for as long as they like, so an output that is empty counts as read after a short while.
   */
  void drain(std::function<void()> on_drained);

 private:
  void check_drained();
  bool has_ended() const;
  bool is_paused() const;
  uint64_t read_bytes() const;
  bool is_quiet() const;

  EventLoop& loop_;
  OnData on_data_;
  OnEnd on_end_;
  std::deque<std::unique_ptr<OutputStream>> streams_;
  unsigned pauses_ = 0;
  std::function<void()> on_drained_;
  EventLoop::Timer timer_ = 0;
  uint64_t read_before_ = 0;
  int64_t give_up_at_ = 0;
};

/** The end into which a process's input goes. What it does not take yet is kept. */
class InputSink {
 public:
  /** `on_room` is called when all that was kept is written, and when the sink closed. */
  InputSink(EventLoop& loop, UniqueFd fd, std::function<void()> on_room);
  ~InputSink();
  InputSink(const InputSink&) = delete;
  InputSink& operator=(const InputSink&) = delete;

  /** Ignored after the end. */
  void write(std::string_view bytes);
  /** Closes it when all is written. */
  void end();
  /** Closes it at once. */
  void close();

  /** Whether the caller should wait for room. */
  bool is_full() const { return kept_.size() > kMaxKeptBytes; }

 private:
  static constexpr size_t kMaxKeptBytes = 64 * 1024;

  void flush();

  EventLoop& loop_;
  UniqueFd fd_;
  std::function<void()> on_room_;
  std::string kept_;
  bool is_ending_ = false;
  bool is_watched_ = false;
};

}  // namespace ocup::shim
