#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "addon/block_channel.h"

namespace ocup {

/** Turns the bytes of a layer's blob into those of its archive. */
class Decompressor {
 public:
  virtual ~Decompressor() = default;

  /** Takes the next bytes of the blob and writes what they expand to. Throws LayerError, Cancelled.
   */
  virtual void push(std::string_view bytes, BlockWriter& output) = 0;

  /** The blob is at its end. Throws LayerError when the compressed data is not. */
  virtual void finish() = 0;
};

/**
 * A decompressor that looks at the first bytes and ignores what the media type says: gzip with one
 * or more members, zstd with one or more frames, or no compression.
 */
std::unique_ptr<Decompressor> make_decompressor();

}  // namespace ocup
