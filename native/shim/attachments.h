#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "shim/connection.h"
#include "shim/streams.h"

namespace ocup::shim {

using Caller = std::shared_ptr<Connection>;

/**
 * The callers that get copies of a container's output. One that reads slowly slows the container
 * down, as a terminal does; one that takes nothing for two seconds while 1 MiB waits for it is hung
 * up on.
 */
class Attachments {
 public:
  Attachments(EventLoop& loop, Outputs& outputs) : loop_(loop), outputs_(outputs) {}
  ~Attachments() { loop_.cancel(timer_); }
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;

  using OnFrame = std::function<void(Connection&, FrameType, std::string_view)>;

  /** Goes over to frames with it; what it sends goes to `on_frame`. */
  void add(const Caller& caller, OnFrame on_frame);
  void send(Stream stream, std::string_view bytes);
  /** There is room in the container's input again. */
  void resume_input();
  /** The last frame for all. */
  void finish(std::string_view exit);

 private:
  struct Attachment {
    Caller caller;
    uint64_t sent_before;
  };

  void remove(const Connection* connection);
  void check_room();
  void drop_stuck();
  bool has_queued(size_t limit) const;

  EventLoop& loop_;
  Outputs& outputs_;
  std::vector<Attachment> attachments_;
  EventLoop::Timer timer_ = 0;
  bool is_waiting_ = false;
};

}  // namespace ocup::shim
