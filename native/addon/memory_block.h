#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "addon/file_writer.h"

namespace ocup {

constexpr size_t kBlockBytes = 256 * 1024;

/** Memory for `kBlockBytes`, aligned for direct writes, and how much of it is filled. */
struct Block {
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  std::unique_ptr<char, Free> data;
  size_t length = 0;

  std::string_view bytes() const { return {data.get(), length}; }
};

inline Block make_block() {
  Block block;
  block.data.reset(static_cast<char*>(std::aligned_alloc(kDirectAlignment, kBlockBytes)));
  if (!block.data) throw std::bad_alloc();
  return block;
}

}  // namespace ocup
