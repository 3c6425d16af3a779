#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "base/error.h"
#include "test/probe.h"

namespace ocup {

namespace {

struct Call {
  const char* name;
  long number;
};

/** What the runtime has another way for, or has to name when it is missing. */
constexpr Call kCalls[] = {
    {"openat2", SYS_openat2},
    {"clone3", SYS_clone3},
    {"close_range", SYS_close_range},
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"execveat", SYS_execveat},
    {"statx", SYS_statx},
    {"faccessat2", SYS_faccessat2},
    {"copy_file_range", SYS_copy_file_range},
    {"keyctl", SYS_keyctl},
    {"memfd_create", SYS_memfd_create},
    {"open_tree", SYS_open_tree},
    {"move_mount", SYS_move_mount},
    {"fsopen", SYS_fsopen},
    {"fsconfig", SYS_fsconfig},
    {"fsmount", SYS_fsmount},
    {"mount_setattr", SYS_mount_setattr},
};

unsigned number_of(const std::string& name) {
  for (const Call& call : kCalls) {
    if (name == call.name) return static_cast<unsigned>(call.number);
  }
  throw UserError("unknown system call " + name);
}

}  // namespace

int run_without(const std::string& calls, const std::string& error_name, char** argv) {
  const unsigned error_number = error_name == "EPERM" ? EPERM : ENOSYS;
  std::vector<sock_filter> code = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (size_t start = 0; start < calls.size();) {
    const size_t end = std::min(calls.find(',', start), calls.size());
    code.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(calls.substr(start, end - start)), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number));
    start = end + 1;
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
    throw SysError(errno, "seccomp");
  }
  ::execvp(argv[0], argv);
  throw SysError(errno, "exec", argv[0]);
}

}  // namespace ocup
