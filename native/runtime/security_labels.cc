#include "runtime/security_labels.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

bool has_apparmor() {
  constexpr const char* kFile = "/sys/module/apparmor/parameters/enabled";
  return ::access(kFile, R_OK) == 0 && read_file(kFile).starts_with("Y");
}

bool has_selinux() {
  struct statfs stat = {};
  return ::statfs("/sys/fs/selinux", &stat) == 0 &&
         static_cast<unsigned long>(stat.f_type) == SELINUX_MAGIC;
}

void require_security_modules(const Process& process, const std::string& mount_label) {
  if (!process.apparmor_profile.empty() && !has_apparmor()) {
    throw SpecError("process.apparmorProfile", "AppArmor is not enabled on this machine");
  }
  if (!process.selinux_label.empty() && !has_selinux()) {
    throw SpecError("process.selinuxLabel", "SELinux is not enabled on this machine");
  }
  if (!mount_label.empty() && !has_selinux()) {
    throw SpecError("linux.mountLabel", "SELinux is not enabled on this machine");
  }
}

ExecLabel open_exec_label(const Process& process) {
  if (!process.selinux_label.empty()) {
    return {open_proc_file("/proc/thread-self/attr/exec", O_WRONLY), process.selinux_label};
  }
  if (process.apparmor_profile.empty()) return {};
  constexpr const char* kOwnFile = "/proc/thread-self/attr/apparmor/exec";
  // Kernels before 5.1 have one file for whatever module comes first.
  const char* path = ::access(kOwnFile, F_OK) == 0 ? kOwnFile : "/proc/thread-self/attr/exec";
  return {open_proc_file(path, O_WRONLY), "exec " + process.apparmor_profile};
}

void set_exec_label(const ExecLabel& label) {
  if (label.file) write_all(label.file.get(), label.text, "security label " + label.text);
}

}  // namespace ocup
