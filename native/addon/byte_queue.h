#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ocup {

/** Thrown out of a wait that was given up because the work around it was. */
struct Cancelled {};

/**
 * Bytes on their way from Node's thread, which never waits, to a thread that does. Node is told
 * when the queue holds more than it should, and `on_room` is called once there is room again.
 */
class ByteQueue {
 public:
  ByteQueue(size_t most_bytes, std::function<void()> on_room)
      : most_bytes_(most_bytes), on_room_(std::move(on_room)) {}

  /** False: full; the bytes are taken all the same, and `on_room` will be called. */
  bool push(std::string_view bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    held_bytes_ += bytes.size();
    if (spare_.empty()) {
      pieces_.emplace_back(bytes);
    } else {
      pieces_.push_back(std::move(spare_.back()));
      spare_.pop_back();
      pieces_.back().assign(bytes);
    }
    changed_.notify_one();
    is_full_ = is_full_ || held_bytes_ > most_bytes_;
    return !is_full_;
  }

  /** No more bytes will come. */
  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ended_ = true;
    changed_.notify_one();
  }

  /** Makes every `take`, also one that waits, throw Cancelled. */
  void cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_cancelled_ = true;
    changed_.notify_all();
  }

  /** Waits for the next bytes; false: there are no more. The memory of those before is used again.
   * Throws Cancelled. */
  bool take(std::string& bytes) {
    bool has_room = false;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return is_cancelled_ || is_ended_ || !pieces_.empty(); });
      if (is_cancelled_) throw Cancelled();
      if (pieces_.empty()) return false;
      if (bytes.capacity() > 0) spare_.push_back(std::move(bytes));
      bytes = std::move(pieces_.front());
      pieces_.pop_front();
      held_bytes_ -= bytes.size();
      has_room = is_full_ && held_bytes_ <= most_bytes_ / 2;
      if (has_room) is_full_ = false;
    }
    if (has_room) on_room_();
    return true;
  }

 private:
  const size_t most_bytes_;
  const std::function<void()> on_room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  /** Pieces that were taken: their memory would else be asked for and given back on two threads. */
  std::vector<std::string> spare_;
  size_t held_bytes_ = 0;
  bool is_full_ = false;
  bool is_ended_ = false;
  bool is_cancelled_ = false;
};

}  // namespace ocup
