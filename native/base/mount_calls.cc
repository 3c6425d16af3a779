#include "base/mount_calls.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace ocup {

namespace {

/** fsconfig takes no longer strings. */
constexpr size_t kMaxOption = 255;

/**
 * Mounts are made by these calls alone: one that is not to be had is named, with whom to ask. A
 * filter is looked for in this process (man 2 prctl, PR_GET_SECCOMP): the answer itself is that of
 * a mount which is not allowed.
 */
[[noreturn]] void fail_call(const char* call, std::string_view path) {
  const int error_number = errno;
  const bool has_filter = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
  std::string what(path);
  if (error_number == ENOSYS) {
    what += has_filter ? " (a seccomp filter around the runtime has to allow it)"
                       : " (Linux 5.12 or later is needed)";
  } else if (error_number == EPERM && has_filter) {
    what += " (perhaps a seccomp filter around the runtime does not allow it)";
  }
  throw SysError(error_number, call, what);
}

/** What the file system itself has to say about the failure, if it says anything. */
std::string explain(int context_fd) {
  std::string text;
  char line[512];
  ssize_t length = 0;
  while ((length = ::read(context_fd, line, sizeof line)) > 0) {
    std::string_view message(line, static_cast<size_t>(length));
    while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    if (message.size() > 2 && message[1] == ' ') message.remove_prefix(2);
    text.append(text.empty() ? "" : ", ").append(message);
  }
  return text;
}

[[noreturn]] void fail(int context_fd, const char* call, const std::string& what) {
  const int error_number = errno;
  const std::string text = explain(context_fd);
  errno = error_number;
  if (text.empty()) fail_call(is_call_refused(error_number) ? call : "mount", what);
  throw SysError(error_number, "mount", what + " (" + text + ")");
}

void configure(int context_fd, const std::string& type, const std::string& option) {
  const size_t equals = option.find('=');
  if (equals == std::string::npos) {
    if (::fsconfig(context_fd, FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0) == 0) return;
    fail(context_fd, "fsconfig", type + " option " + option);
  }
  const std::string key = option.substr(0, equals);
  const std::string value = option.substr(equals + 1);
  if (::fsconfig(context_fd, FSCONFIG_SET_STRING, key.c_str(), value.c_str(), 0) == 0) return;
  fail(context_fd, "fsconfig", type + " option " + option);
}

}  // namespace

UniqueFd clone_mount(int dir_fd, const std::string& path, bool is_recursive) {
  const unsigned flags = static_cast<unsigned>(OPEN_TREE_CLONE) | OPEN_TREE_CLOEXEC |
                         (is_recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u) |
                         (path.empty() ? static_cast<unsigned>(AT_EMPTY_PATH) : 0u);
  UniqueFd fd(::open_tree(dir_fd, path.c_str(), flags));
  if (!fd) fail_call("open_tree", path);
  return fd;
}

UniqueFd make_filesystem(const std::string& type, const std::string& source,
                         const std::vector<std::string>& data, uint64_t attributes) {
  const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) fail_call("fsopen", type);
  if (!source.empty() && source.size() <= kMaxOption &&
      ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0) < 0) {
    fail(context.get(), "fsconfig", type + " source " + source);
  }
  for (const auto& option : data) {
    if (option.size() > kMaxOption) throw SysError(ENAMETOOLONG, "mount", type + " option");
    configure(context.get(), type, option);
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    fail(context.get(), "fsconfig", type);
  }
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!mount) fail(context.get(), "fsmount", type);
  return mount;
}

void set_mount_attributes(int mount_fd, uint64_t set, uint64_t clear, bool is_recursive,
                          std::string_view path) {
  struct mount_attr attributes = {};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  const unsigned flags = static_cast<unsigned>(AT_EMPTY_PATH) |
                         (is_recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  if (::mount_setattr(mount_fd, "", flags, &attributes, sizeof attributes) < 0) {
    fail_call("mount_setattr", path);
  }
}

void map_mount_ids(int mount_fd, int user_ns_fd, bool is_recursive, std::string_view path) {
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<uint64_t>(user_ns_fd);
  const unsigned flags = static_cast<unsigned>(AT_EMPTY_PATH) |
                         (is_recursive ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  if (::mount_setattr(mount_fd, "", flags, &attributes, sizeof attributes) < 0) {
    fail_call("mount_setattr", path);
  }
}

void set_propagation(int mount_fd, unsigned long flags, std::string_view path) {
  struct mount_attr attributes = {};
  attributes.propagation = flags & ~static_cast<unsigned long>(MS_REC);
  const unsigned how = static_cast<unsigned>(AT_EMPTY_PATH) |
                       ((flags & MS_REC) != 0 ? static_cast<unsigned>(AT_RECURSIVE) : 0u);
  if (::mount_setattr(mount_fd, "", how, &attributes, sizeof attributes) < 0) {
    fail_call("mount_setattr", path);
  }
}

void attach_mount(int mount_fd, int target_fd, std::string_view path) {
  if (::move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
      0) {
    fail_call("move_mount", path);
  }
}

}  // namespace ocup
