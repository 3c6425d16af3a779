#include "addon/decompressor.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

#include "addon/layer_error.h"

namespace ocup {

namespace {

class Plain : public Decompressor {
 public:
  void push(std::string_view bytes, BlockWriter& output) override {
    while (!bytes.empty()) {
      const auto [room, size] = output.room();
      const size_t count = std::min(size, bytes.size());
      std::memcpy(room, bytes.data(), count);
      output.advance(count);
      bytes.remove_prefix(count);
    }
  }

  void finish() override {}
};

/** @see RFC 1952: members follow each other without anything between. */
class Gzip : public Decompressor {
 public:
  Gzip() : state_(std::make_unique<inflate_state>()) { start_member(); }

  void push(std::string_view bytes, BlockWriter& output) override {
    state_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
    state_->avail_in = static_cast<uint32_t>(bytes.size());
    bool is_output_full = false;
    while (state_->avail_in > 0 || is_output_full) {
      if (!is_in_member_) {
        if (skip_padding()) return;
        start_next_member();
      }
      is_output_full = inflate(output);
    }
  }

  void finish() override {
    if (is_in_member_) fail_format("gzip data ends early");
  }

 private:
  void start_next_member() {
    if (*state_->next_in != kFirstMagicByte) fail_format("there is data behind the gzip data");
    start_member();
  }

  void start_member() {
    uint8_t* const next_in = state_->next_in;
    const uint32_t avail_in = state_->avail_in;
    ::isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    state_->next_in = next_in;
    state_->avail_in = avail_in;
    is_in_member_ = true;
  }

  /** Zeros may follow the last member, as `gzip` allows. True: nothing else is left of these bytes.
   */
  bool skip_padding() {
    if (*state_->next_in != 0 && !is_padded_) return false;
    is_padded_ = true;
    for (; state_->avail_in > 0; ++state_->next_in, --state_->avail_in) {
      if (*state_->next_in != 0) fail_format("there is data behind the gzip data");
    }
    return true;
  }

  /** True: there may be more to come without further input. */
  bool inflate(BlockWriter& output) {
    const auto [room, size] = output.room();
    state_->next_out = reinterpret_cast<uint8_t*>(room);
    state_->avail_out = static_cast<uint32_t>(size);
    const int result = ::isal_inflate(state_.get());
    if (result < 0)
      fail_format(result == ISAL_INCORRECT_CHECKSUM ? "checksum of gzip data is wrong"
                                                    : "gzip data is damaged");
    const bool is_full = state_->avail_out == 0;
    output.advance(size - state_->avail_out);
    if (state_->block_state != ISAL_BLOCK_FINISH) return is_full;
    is_in_member_ = false;
    return false;
  }

  static constexpr uint8_t kFirstMagicByte = 0x1f;

  std::unique_ptr<inflate_state> state_;
  bool is_in_member_ = true;
  bool is_padded_ = false;
};

/** @see RFC 8878: frames, and skippable frames, follow each other. */
class Zstd : public Decompressor {
 public:
  Zstd() : stream_(::ZSTD_createDStream(), ::ZSTD_freeDStream) {
    if (!stream_) throw std::bad_alloc();
    ::ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  }

  void push(std::string_view bytes, BlockWriter& output) override {
    ZSTD_inBuffer input = {bytes.data(), bytes.size(), 0};
    bool is_output_full = false;
    while (input.pos < input.size || is_output_full) {
      const auto [room, size] = output.room();
      ZSTD_outBuffer target = {room, size, 0};
      const size_t result = ::ZSTD_decompressStream(stream_.get(), &target, &input);
      if (::ZSTD_isError(result)) {
        fail_format(std::string("zstd data is damaged: ") + ::ZSTD_getErrorName(result));
      }
      is_output_full = target.pos == size && result != 0;
      is_in_frame_ = result != 0;
      output.advance(target.pos);
    }
  }

  void finish() override {
    if (is_in_frame_) fail_format("zstd data ends early");
  }

 private:
  /** 128 MiB of memory, what the zstd program allows too without being asked. */
  static constexpr int kMaxWindowLog = 27;

  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  bool is_in_frame_ = true;
};

class Sniffer : public Decompressor {
 public:
  void push(std::string_view bytes, BlockWriter& output) override {
    if (inner_) return inner_->push(bytes, output);
    head_.append(bytes);
    if (head_.size() < kMagicBytes) return;
    start(output);
  }

  void finish() override {
    // Fewer bytes than any magic number: neither an archive nor compressed, unless empty.
    if (!inner_ && !head_.empty()) fail_format("layer is too short to be an archive");
    if (inner_) inner_->finish();
  }

 private:
  static constexpr size_t kMagicBytes = 4;

  void start(BlockWriter& output) {
    unsigned char magic[kMagicBytes];
    std::memcpy(magic, head_.data(), sizeof magic);
    const bool is_gzip = magic[0] == 0x1f && magic[1] == 0x8b;
    const uint32_t number = magic[0] | static_cast<uint32_t>(magic[1]) << 8 |
                            static_cast<uint32_t>(magic[2]) << 16 |
                            static_cast<uint32_t>(magic[3]) << 24;
    const bool is_zstd = number == ZSTD_MAGICNUMBER || (number & kSkippableMask) == kSkippableFrame;
    if (is_gzip) {
      inner_ = std::make_unique<Gzip>();
    } else if (is_zstd) {
      inner_ = std::make_unique<Zstd>();
    } else {
      inner_ = std::make_unique<Plain>();
    }
    inner_->push(head_, output);
    head_ = {};
  }

  static constexpr uint32_t kSkippableMask = 0xfffffff0;
  static constexpr uint32_t kSkippableFrame = 0x184d2a50;

  std::string head_;
  std::unique_ptr<Decompressor> inner_;
};

}  // namespace

std::unique_ptr<Decompressor> make_decompressor() { return std::make_unique<Sniffer>(); }

}  // namespace ocup
