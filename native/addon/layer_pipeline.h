#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "addon/blob_file.h"
#include "addon/block_channel.h"
#include "addon/byte_queue.h"
#include "addon/layer_tree.h"

namespace ocup {

struct PipelineRequest {
  /** A blob to read; empty: the bytes are pushed. */
  std::string source;
  /** The file to write the blob to; empty: none. */
  std::string blob;
  /** The folder to unpack to; empty: the blob is not unpacked. */
  std::string target;
  bool is_base = false;
  LayerLimits limits = {};
  /** The bytes that may wait to be taken. */
  size_t queue_bytes = 0;
};

struct PipelineResult {
  /** Of the blob. */
  std::string digest;
  uint64_t size = 0;
  /** Of what it expands to; empty when it was not unpacked. */
  std::string diff_id;
};

/**
 * One blob on its way, on two threads of its own:
 *
 *     push ─▶ queue ─▶ [ digest · write blob · decompress ] ─▶ blocks ─▶ [ digest · write files ]
 *
 * All of it happens at once; memory is bounded by the queue and the blocks.
 */
class LayerPipeline {
 public:
  /** `on_room` and `on_done` are called on threads of the pipeline; `on_done` last, and once. */
  LayerPipeline(PipelineRequest request, std::function<void()> on_room,
                std::function<void()> on_done);
  ~LayerPipeline();
  LayerPipeline(const LayerPipeline&) = delete;
  LayerPipeline& operator=(const LayerPipeline&) = delete;

  void start();
  /** False: enough for now. */
  bool push(std::string_view bytes) { return queue_.push(bytes); }
  void end() { queue_.end(); }
  /** Gives up; `on_done` is called all the same. */
  void cancel();
  /** Once `on_done` was called, lets go of the unpacked layer; before that does nothing. */
  void drop_tree();
  void join();

  /** After `on_done`: what it came to. Throws what went wrong: SysError, LayerError, Cancelled,
   * std::exception. */
  const PipelineResult& result() const;
  /** The unpacked layer, after success and once: it holds its folder open. */
  std::unique_ptr<LayerTree> take_tree();
  const PipelineRequest& request() const { return request_; }

 private:
  void read_blob();
  void take(std::string_view bytes, class Decompressor* decompressor, class Sha256& digest,
            BlockWriter& writer);
  void write_files();
  void run(void (LayerPipeline::*work)());
  void fail(std::exception_ptr failure);

  const PipelineRequest request_;
  const std::function<void()> on_done_;
  ByteQueue queue_;
  BlockChannel blocks_;
  BlobFile blob_;
  std::unique_ptr<LayerTree> tree_;
  PipelineResult result_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  std::atomic<bool> is_over_ = false;
  std::thread reader_;
  std::thread writer_;
};

}  // namespace ocup
