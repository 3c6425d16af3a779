#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

#include "test/probe.h"

namespace ocup {

namespace {

struct Call {
  const char* name;
  std::function<bool()> make;
};

bool is_done(long result) { return result >= 0; }

const Call kCalls[] = {
    {"mkdir", [] { return is_done(::mkdir("/tmp/probe-folder", 0755)); }},
    {"chmod", [] { return is_done(::chmod("/tmp", 01777)); }},
    {"chown", [] { return is_done(::chown("/tmp", 0, 0)); }},
    {"getcwd",
     [] {
       char folder[4096];
       return is_done(::syscall(SYS_getcwd, folder, sizeof folder));
     }},
    {"getpgid", [] { return is_done(::syscall(SYS_getpgid, 0)); }},
    {"unshare-user", [] { return is_done(::unshare(CLONE_NEWUSER)); }},
    {"unshare-uts", [] { return is_done(::unshare(CLONE_NEWUTS)); }},
    {"mount", [] { return is_done(::mount("none", "/tmp", "tmpfs", 0, nullptr)); }},
    {"remount",
     [] { return is_done(::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr)); }},
    {"sethostname", [] { return is_done(::sethostname("probe", 5)); }},
    {"socket-inet", [] { return is_done(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"socket-raw", [] { return is_done(::socket(AF_INET, SOCK_RAW, 1)); }},
    {"socket-vsock", [] { return is_done(::socket(AF_VSOCK, SOCK_STREAM, 0)); }},
    {"setuid", [] { return is_done(::setuid(12345)); }},
    {"keyctl",
     [] {
       return is_done(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
     }},
    {"personality-linux", [] { return is_done(::personality(0)); }},
    {"personality-32", [] { return is_done(::personality(PER_LINUX32)); }},
    {"setns", [] { return is_done(::syscall(SYS_setns, -1, 0)); }},
    {"ptrace", [] { return is_done(::syscall(SYS_ptrace, 0, 0, 0, 0)); }},
    {"kexec", [] { return is_done(::syscall(SYS_kexec_load, 0, 0, nullptr, 0)); }},
    {"unknown", [] { return is_done(::syscall(1000)); }},
    {"clone3", [] { return is_done(::syscall(SYS_clone3, nullptr, 0)); }},
    {"sync", [] { return is_done(::syscall(SYS_getuid)); }},
    {"symlink-exec",
     [] {
       const pid_t child = ::fork();
       if (child == 0) {
         ::execl("/tmp/program", "program", nullptr);
         ::_exit(errno);
       }
       int status = 0;
       ::waitpid(child, &status, 0);
       errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
       return errno == 0;
     }},
};

}  // namespace

void probe_call(Facts& facts, const std::string& name) {
  for (const auto& call : kCalls) {
    if (name == call.name) facts["call." + name] = answer(call.make());
  }
}

void probe_device(Facts& facts, const std::string& device) {
  char type = 0;
  unsigned major_number = 0, minor_number = 0;
  if (std::sscanf(device.c_str(), "%c:%u:%u", &type, &major_number, &minor_number) != 3) return;
  const std::string path =
      "/tmp/device-" + std::to_string(major_number) + "-" + std::to_string(minor_number);
  const mode_t mode = (type == 'b' ? S_IFBLK : S_IFCHR) | 0666;
  const std::string name = "device." + device;
  facts[name + ".make"] =
      answer(::mknod(path.c_str(), mode, makedev(major_number, minor_number)) == 0);
  facts[name + ".read"] = answer(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0);
  facts[name + ".write"] = answer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0);
  facts[name + ".both"] = answer(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC) >= 0);
}

}  // namespace ocup
