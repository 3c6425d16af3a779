#include "base/own_pages.h"

#include <malloc.h>

#include <cstdlib>

namespace ocup {

namespace {

void populate(uintptr_t address, size_t bytes, int advice) {
  // Where it cannot be had, pages come one by one.
  ::madvise(reinterpret_cast<void*>(address), bytes, advice);
}

}  // namespace

void map_own_program() {
  each_own_segment([](uintptr_t address, size_t bytes, bool is_writable) {
    if (!is_writable) populate(address, bytes, kPopulateRead);
  });
}

void reserve_heap(size_t bytes) {
  constexpr int kNever = 1 << 30;
  constexpr uintptr_t kPageMask = 4095;
  ::mallopt(M_TRIM_THRESHOLD, kNever);
  ::mallopt(M_MMAP_THRESHOLD, kNever);
  ::mallopt(M_TOP_PAD, static_cast<int>(bytes));
  void* const block = ::malloc(bytes);
  if (block == nullptr) return;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(block) + kPageMask) & ~kPageMask;
  populate(first, bytes & ~kPageMask, kPopulateWrite);
  ::free(block);
}

}  // namespace ocup
