#pragma once

#include <link.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

extern "C" [[gnu::visibility("hidden")]] const ElfW(Ehdr) __ehdr_start;

namespace ocup {

// Pages come at a fault each otherwise, which takes ten microseconds and more where the memory of
// the machine is itself made of pages of another. Kernels before 5.14 do not know these.
inline constexpr int kPopulateRead = 22;
inline constexpr int kPopulateWrite = 23;

/** Calls `visit(address, bytes, is_writable)` for each part of the program's file that is mapped. */
template <typename Visit>
void each_own_segment(Visit visit) {
  constexpr uintptr_t kPageMask = 4095;
  const auto file = reinterpret_cast<uintptr_t>(&__ehdr_start);
  const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(file + __ehdr_start.e_phoff);
  uintptr_t base = file;
  for (unsigned i = 0; i < __ehdr_start.e_phnum; ++i) {
    const ElfW(Phdr)& segment = segments[i];
    if (segment.p_type != PT_LOAD) continue;
    // The one with the file's header is where this was found.
    if (segment.p_offset == 0) base = file - segment.p_vaddr;
    const uintptr_t start = base + segment.p_vaddr;
    const uintptr_t first = start & ~kPageMask;
    const uintptr_t end = (start + segment.p_memsz + kPageMask) & ~kPageMask;
    visit(first, end - first, (segment.p_flags & PF_W) != 0);
  }
}

/** Maps the program's code and constants, of which a child gets nothing from its parent. */
void map_own_program();

/** Has memory for `bytes` that are allocated next. What is freed stays with the process. */
void reserve_heap(size_t bytes);

}  // namespace ocup
