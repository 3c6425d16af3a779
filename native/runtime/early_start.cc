#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/vfs.h>

#include "base/own_pages.h"

// What `protect_own_executable` does, before the C library has begun: whoever is executed a second
// time need not ask the processor for its features twice, which takes a quarter of a millisecond
// where CPUID is trapped, as in virtual machines. Whatever fails here is left to the usual way.
//
// INVARIANT: nothing here calls the C library, whose own relocations are not done yet.

#ifdef __x86_64__

namespace {

constexpr long kRefused = -4095;

long call(long number, long a, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long fourth __asm__("r10") = d;
  register long fifth __asm__("r8") = e;
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                   : "rcx", "r11", "memory");
  return result;
}

template <typename Pointer>
long address(Pointer pointer) {
  return reinterpret_cast<long>(pointer);
}

bool has_failed(long result) { return result < 0 && result >= kRefused; }

bool is_equal(const char* one, const char* other) {
  while (*one != '\0' && *one == *other) {
    ++one;
    ++other;
  }
  return *one == *other;
}

/** The commands that enter a container, as in main.cc. */
bool enters(char** argv) {
  for (char** word = argv; *word != nullptr; ++word) {
    if (is_equal(*word, "create") || is_equal(*word, "run") || is_equal(*word, "exec")) return true;
  }
  return false;
}

bool is_protected(const char* path) {
  const long fd = call(__NR_open, address(path), O_RDONLY | O_CLOEXEC);
  if (has_failed(fd)) return true;
  struct statfs stat;
  const bool is_known = !has_failed(call(__NR_fstatfs, fd, address(&stat)));
  const bool has_seals = !has_failed(call(__NR_fcntl, fd, F_GET_SEALS));
  call(__NR_close, fd);
  constexpr long kReadOnly = 1;  // ST_RDONLY
  return !is_known || has_seals || (stat.f_flags & kReadOnly) != 0;
}

/** Before the C library touches them, which has nothing done here. */
void map_own_pages() {
  ocup::each_own_segment([](uintptr_t address, size_t bytes, bool is_writable) {
    const int advice = is_writable ? ocup::kPopulateWrite : ocup::kPopulateRead;
    call(__NR_madvise, static_cast<long>(address), static_cast<long>(bytes), advice);
  });
}

}  // namespace

/** `stack` as the kernel leaves it: the number of arguments, these, 0, the environment. */
extern "C" [[gnu::used, gnu::no_stack_protector]] void ocup_execute_protected(long* stack) {
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** environment = argv + stack[0] + 1;
  static const char kOwnExecutable[] = "/proc/self/exe";
  if (stack[0] < 1 || !enters(argv + 1)) return;
  if (is_protected(kOwnExecutable)) {
    map_own_pages();
    return;
  }
  const long mount = call(__NR_open_tree, AT_FDCWD, address(kOwnExecutable),
                          OPEN_TREE_CLONE | static_cast<long>(OPEN_TREE_CLOEXEC));
  if (has_failed(mount)) return;
  mount_attr attributes = {MOUNT_ATTR_RDONLY, 0, 0, 0};
  const long result = call(__NR_mount_setattr, mount, address(""), AT_EMPTY_PATH,
                           address(&attributes), sizeof attributes);
  if (!has_failed(result)) {
    call(__NR_execveat, mount, address(""), address(argv), address(environment), AT_EMPTY_PATH);
  }
  call(__NR_close, mount);
}

// The entry point. Registers and stack are what the kernel gave when `_start` gets them.
__asm__(
    ".text\n"
    ".globl ocup_early_start\n"
    "ocup_early_start:\n"
    "  mov %rsp, %rdi\n"
    "  push %rdx\n"
    "  sub $8, %rsp\n"
    "  call ocup_execute_protected\n"
    "  add $8, %rsp\n"
    "  pop %rdx\n"
    "  jmp _start\n");

#endif
