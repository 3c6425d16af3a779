#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "shim/event_loop.h"

namespace ocup::shim {

/** The numbers of `FRAME` in src/wire/frames.ts. */
enum class FrameType : uint8_t {
  kStdin = 0,
  kStdout = 1,
  kStderr = 2,
  kResize = 3,
  kExit = 4,
  kStdinEnd = 5,
  kError = 6,
  kSignal = 7,
};

/**
 * One caller: a line with the request, then lines to it, or frames both ways after `upgrade`.
 * What is sent after the caller hung up is dropped.
 */
class Connection {
 public:
  using OnRequest = std::function<void(std::string line)>;
  struct FrameHandlers {
    std::function<void(FrameType, std::string_view)> on_frame;
    /** The caller hung up or sent what is no frame. */
    std::function<void()> on_close;
    /** What was queued has been sent, so there is room again. */
    std::function<void()> on_sent;
  };

  /** `on_gone` is called, as a task, when both sides are done with it: its owner lets it go then.
   */
  Connection(EventLoop& loop, UniqueFd fd, OnRequest on_request, std::function<void()> on_gone);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send_event(std::string_view event);
  void send_result(std::string_view result);
  /** `details` is a JSON object, or empty. */
  void send_error(const char* code, std::string_view message, std::string_view details = {});

  /** Says `{"upgrade":{}}` and goes over to frames. */
  void upgrade(FrameHandlers handlers);
  void send_frame(FrameType type, std::string_view payload);
  /** The error frame, which is the last. */
  void send_error_frame(const char* code, std::string_view message);

  /**
   * Ends our side when all is sent, and hangs up when the caller has. No handler is called any
   * more. Hanging up while something it sent lies unread would reset the connection under our last
   * words.
   */
  void finish();
  /** Hangs up now. `on_close` is called. */
  void drop();

  /** Bytes that the caller has not taken yet. */
  size_t queued() const { return output_.size(); }
  /** Bytes that it has taken so far. */
  uint64_t sent_bytes() const { return sent_bytes_; }
  bool is_open() const { return bool{fd_}; }

  /** Leaves what the caller sends in the kernel. */
  void pause();
  void resume();

  /**
   * Sends what is queued, and lets a caller that gets frames hang up first: one that is still
   * sending would lose what it has not read yet. Waits no longer than until `deadline_ms`.
   */
  void flush_until(int64_t deadline_ms);

 private:
  void on_events(uint32_t events);
  void read();
  void parse();
  void parse_request();
  bool parse_frame();
  void send_line(std::string_view line);
  void flush();
  void update_interest();
  void say_goodbye();
  void hang_up();

  EventLoop& loop_;
  UniqueFd fd_;
  OnRequest on_request_;
  std::function<void()> on_gone_;
  FrameHandlers handlers_;
  std::string input_;
  std::string output_;
  uint64_t sent_bytes_ = 0;
  EventLoop::Timer goodbye_ = 0;
  uint32_t interest_ = 0;
  bool has_request_ = false;
  bool is_upgraded_ = false;
  bool is_paused_ = false;
  bool is_finishing_ = false;
};

/** An error as JSON, as `WireError` in src/wire/protocol.ts. */
std::string wire_error(const char* code, std::string_view message, std::string_view details = {});

}  // namespace ocup::shim
