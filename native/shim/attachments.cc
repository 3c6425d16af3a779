#include "shim/attachments.h"

#include <algorithm>

namespace ocup::shim {

namespace {

constexpr size_t kMaxQueuedBytes = 1024 * 1024;
constexpr size_t kRoomBytes = 256 * 1024;
constexpr int64_t kStuckMs = 2000;

}  // namespace

void Attachments::add(const Caller& caller, OnFrame on_frame) {
  Connection* connection = caller.get();
  attachments_.push_back({caller, 0});
  caller->upgrade(
      {[connection, on_frame = std::move(on_frame)](FrameType type, std::string_view payload) {
         on_frame(*connection, type, payload);
       },
       [this, connection] { remove(connection); }, [this] { check_room(); }});
}

void Attachments::send(Stream stream, std::string_view bytes) {
  const FrameType type = stream == Stream::kStdout ? FrameType::kStdout : FrameType::kStderr;
  // A copy: a send that fails removes its attachment.
  const std::vector<Attachment> attachments = attachments_;
  for (const Attachment& attachment : attachments) attachment.caller->send_frame(type, bytes);
  if (is_waiting_ || !has_queued(kMaxQueuedBytes)) return;
  is_waiting_ = true;
  outputs_.pause();
  for (Attachment& attachment : attachments_) {
    attachment.sent_before = attachment.caller->sent_bytes();
  }
  timer_ = loop_.after(kStuckMs, [this] { drop_stuck(); });
}

void Attachments::resume_input() {
  for (const Attachment& attachment : attachments_) attachment.caller->resume();
}

void Attachments::finish(std::string_view exit) {
  const std::vector<Attachment> attachments = std::exchange(attachments_, {});
  for (const Attachment& attachment : attachments) {
    attachment.caller->send_frame(FrameType::kExit, exit);
    attachment.caller->finish();
  }
  check_room();
}

void Attachments::remove(const Connection* connection) {
  std::erase_if(attachments_, [connection](const Attachment& attachment) {
    return attachment.caller.get() == connection;
  });
  check_room();
}

void Attachments::check_room() {
  if (!is_waiting_ || has_queued(kRoomBytes)) return;
  is_waiting_ = false;
  loop_.cancel(timer_);
  outputs_.resume();
}

void Attachments::drop_stuck() {
  const std::vector<Attachment> attachments = attachments_;
  for (const Attachment& attachment : attachments) {
    const bool is_stuck = attachment.caller->queued() > kRoomBytes &&
                          attachment.caller->sent_bytes() == attachment.sent_before;
    if (is_stuck) attachment.caller->drop();
  }
  for (Attachment& attachment : attachments_) {
    attachment.sent_before = attachment.caller->sent_bytes();
  }
  if (is_waiting_) timer_ = loop_.after(kStuckMs, [this] { drop_stuck(); });
}

bool Attachments::has_queued(size_t limit) const {
  return std::any_of(
      attachments_.begin(), attachments_.end(),
      [limit](const Attachment& attachment) { return attachment.caller->queued() > limit; });
}

}  // namespace ocup::shim
