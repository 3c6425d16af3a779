#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

// What no runtime can do without: `floor ROOTFS PROGRAM` makes the namespaces, mounts the root and
// proc, enters it, executes the program and waits for it. No config.json, no state, no cgroups, no
// filter.

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  ::_exit(1);
}

[[noreturn]] void run_inside(const char* rootfs, char** command) {
  if (::mount("", "/", nullptr, MS_SLAVE | MS_REC, nullptr) < 0) fail("slave");
  if (::mount(rootfs, rootfs, nullptr, MS_BIND, nullptr) < 0) fail("bind");
  if (::chdir(rootfs) < 0) fail("chdir");
  if (::mount("proc", "proc", "proc", 0, nullptr) < 0) fail("proc");
  if (::syscall(SYS_pivot_root, ".", ".") < 0) fail("pivot_root");
  if (::umount2(".", MNT_DETACH) < 0) fail("umount");
  ::execv(command[0], command);
  fail("exec");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  clone_args arguments = {};
  arguments.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) fail("clone3");
  if (pid == 0) run_inside(argv[1], argv + 2);
  int status = 0;
  if (::waitpid(static_cast<pid_t>(pid), &status, 0) < 0) fail("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
