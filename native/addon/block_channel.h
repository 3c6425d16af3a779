#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include "addon/byte_queue.h"
#include "addon/memory_block.h"

namespace ocup {

/** A fixed number of blocks going round between the thread that fills them and the one that reads
 * them. */
class BlockChannel {
 public:
  static constexpr size_t kBlocks = 6;

  /** Waits for a free block. Throws Cancelled. */
  Block take_free() {
    std::unique_lock<std::mutex> lock(mutex_);
    freed_.wait(lock, [&] { return is_cancelled_ || !free_.empty() || made_ < kBlocks; });
    if (is_cancelled_) throw Cancelled();
    if (free_.empty()) {
      made_ += 1;
      return make_block();
    }
    Block block = std::move(free_.back());
    free_.pop_back();
    block.length = 0;
    return block;
  }

  void send(Block block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    full_.push_back(std::move(block));
    filled_.notify_one();
  }

  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_ended_ = true;
    filled_.notify_one();
  }

  /** Waits for the next block; false: there are no more. Throws Cancelled. */
  bool receive(Block& block) {
    std::unique_lock<std::mutex> lock(mutex_);
    filled_.wait(lock, [&] { return is_cancelled_ || is_ended_ || !full_.empty(); });
    if (is_cancelled_) throw Cancelled();
    if (full_.empty()) return false;
    block = std::move(full_.front());
    full_.pop_front();
    return true;
  }

  void give_back(Block block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(block));
    freed_.notify_one();
  }

  /** Frees the blocks; nobody may use the channel any more. */
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.clear();
    full_.clear();
  }

  void cancel() {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_cancelled_ = true;
    freed_.notify_all();
    filled_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::condition_variable filled_;
  std::deque<Block> free_;
  std::deque<Block> full_;
  size_t made_ = 0;
  bool is_ended_ = false;
  bool is_cancelled_ = false;
};

/** Fills blocks of a channel one after another. */
class BlockWriter {
 public:
  explicit BlockWriter(BlockChannel& channel) : channel_(channel) {}

  /** Where the next bytes go; never empty. Throws Cancelled. */
  std::pair<char*, size_t> room() {
    if (!block_.data) block_ = channel_.take_free();
    return {block_.data.get() + block_.length, kBlockBytes - block_.length};
  }

  /** So many bytes of the room were filled. */
  void advance(size_t count) {
    block_.length += count;
    if (block_.length == kBlockBytes) flush();
  }

  /** Hands on what was filled. */
  void flush() {
    if (block_.length > 0) channel_.send(std::exchange(block_, Block{}));
  }

 private:
  BlockChannel& channel_;
  Block block_;
};

}  // namespace ocup
