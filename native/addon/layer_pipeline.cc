#include "addon/layer_pipeline.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>

#include "addon/decompressor.h"
#include "addon/sha256.h"
#include "addon/tar_reader.h"
#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

constexpr size_t kReadBytes = 256 * 1024;

}  // namespace

LayerPipeline::LayerPipeline(PipelineRequest request, std::function<void()> on_room,
                             std::function<void()> on_done)
    : request_(std::move(request)),
      on_done_(std::move(on_done)),
      queue_(request_.queue_bytes, std::move(on_room)) {}

LayerPipeline::~LayerPipeline() {
  cancel();
  join();
}

void LayerPipeline::start() {
  reader_ = std::thread([this] {
    if (!request_.target.empty())
      writer_ = std::thread([this] { run(&LayerPipeline::write_files); });
    run(&LayerPipeline::read_blob);
    if (writer_.joinable()) writer_.join();
    blocks_.clear();
    blob_.reset();
    if (failure_) tree_.reset();
    is_over_ = true;
    on_done_();
  });
}

void LayerPipeline::cancel() {
  queue_.cancel();
  blocks_.cancel();
}

void LayerPipeline::drop_tree() {
  if (is_over_) tree_.reset();
}

std::unique_ptr<LayerTree> LayerPipeline::take_tree() {
  if (!is_over_ || !tree_) throw std::logic_error("there is no layer to settle");
  return std::move(tree_);
}

void LayerPipeline::join() {
  if (reader_.joinable()) reader_.join();
}

const PipelineResult& LayerPipeline::result() const {
  if (failure_) std::rethrow_exception(failure_);
  return result_;
}

void LayerPipeline::run(void (LayerPipeline::*work)()) {
  try {
    (this->*work)();
  } catch (...) {
    fail(std::current_exception());
  }
}

/** The first failure is the cause; the other thread then ends because of it. */
void LayerPipeline::fail(std::exception_ptr failure) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
  }
  cancel();
}

void LayerPipeline::read_blob() {
  if (!request_.blob.empty()) blob_.open(request_.blob);
  Sha256 digest;
  BlockWriter writer(blocks_);
  const auto decompressor = request_.target.empty() ? nullptr : make_decompressor();
  std::string bytes;
  if (request_.source.empty()) {
    while (queue_.take(bytes)) take(bytes, decompressor.get(), digest, writer);
  } else {
    const UniqueFd source = open_file(request_.source, O_RDONLY);
    bytes.resize(kReadBytes);
    for (;;) {
      const ssize_t count =
          retry_interrupted([&] { return ::read(source.get(), bytes.data(), bytes.size()); });
      if (count < 0) throw SysError(errno, "read", request_.source);
      if (count == 0) break;
      take({bytes.data(), static_cast<size_t>(count)}, decompressor.get(), digest, writer);
    }
  }
  if (decompressor) decompressor->finish();
  writer.flush();
  blocks_.end();
  blob_.finish();
  result_.digest = digest.finish();
}

void LayerPipeline::take(std::string_view bytes, Decompressor* decompressor, Sha256& digest,
                         BlockWriter& writer) {
  digest.update(bytes);
  blob_.append(bytes);
  result_.size += bytes.size();
  if (decompressor != nullptr) decompressor->push(bytes, writer);
}

void LayerPipeline::write_files() {
  // A umask and a working folder of this thread's own: files get the modes that are asked for.
  if (::unshare(CLONE_FS) < 0) throw SysError(errno, "unshare", "CLONE_FS");
  ::umask(0);
  tree_ = std::make_unique<LayerTree>(request_.target, request_.is_base, request_.limits);
  TarReader archive(*tree_);
  Sha256 digest;
  for (Block block; blocks_.receive(block); blocks_.give_back(std::move(block))) {
    digest.update(block.bytes());
    archive.push(block.bytes());
  }
  archive.finish();
  tree_->finish();
  result_.diff_id = digest.finish();
}

}  // namespace ocup
