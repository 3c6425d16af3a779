#include "runtime/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <set>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/process.h"
#include "runtime/identity.h"
#include "runtime/program_file.h"
#include "runtime/terminal.h"

namespace ocup {

namespace {

constexpr mode_t kDefaultUmask = 022;

const std::string* find_variable(const std::vector<std::string>& env, std::string_view name) {
  for (const auto& entry : env) {
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return &entry;
    }
  }
  return nullptr;
}

/** The last one of a name counts, as a shell that set them one after another would have it. */
void drop_earlier_values(std::vector<std::string>& env) {
  std::set<std::string_view> names;
  std::vector<std::string> kept;
  kept.reserve(env.size() + 1);
  for (auto entry = env.rbegin(); entry != env.rend(); ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, entry->find('='));
    if (names.insert(name).second) kept.push_back(*entry);
  }
  env.assign(kept.rbegin(), kept.rend());
}

/** 0 when `path` is a file that may be executed, else the errno. */
int executable_error(const std::string& path) {
  struct stat stat = {};
  if (::stat(path.c_str(), &stat) < 0) return errno;
  if (S_ISDIR(stat.st_mode)) return EACCES;
  if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return 0;
  // The older call asks for the real ids, which are the same by now; it may not see capabilities.
  return errno == EPERM && ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

std::string lower_text(int error_number) {
  std::string text = errno_text(error_number);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

/** Clients of runc tell 126 from 127 by these words. */
std::string find_program(const Process& process) {
  const std::string& name = process.args[0];
  const std::string quoted = "exec: \"" + name + "\": ";
  if (name.find('/') != std::string::npos) {
    const int error = executable_error(name);
    if (error == 0) return name;
    if (error == EACCES || error == EPERM) throw UserError(quoted + "permission denied");
    throw UserError(quoted + "stat " + name + ": " + lower_text(error));
  }
  const std::string* entry = find_variable(process.env, "PATH");
  const std::string list = entry == nullptr ? "" : entry->substr(5);
  for (size_t start = 0; entry != nullptr && start <= list.size() && !name.empty();) {
    const size_t end = std::min(list.find(':', start), list.size());
    const std::string folder = list.substr(start, end - start);
    const std::string path = (folder.empty() ? "." : folder) + "/" + name;
    if (executable_error(path) == 0) return path;
    start = end + 1;
  }
  throw UserError(quoted + "executable file not found in $PATH");
}

/** CVE-2024-21626: a folder outside of the root, reached by a leaked descriptor, has no absolute
 * name. */
void require_inside(const std::string& cwd) {
  char path[PATH_MAX];
  const long length = ::syscall(SYS_getcwd, path, sizeof path);
  if (length > 0 && path[0] == '/') return;
  if (length < 0 && errno != ENOENT) throw SysError(errno, "getcwd", cwd);
  throw UserError("current working directory is outside of container mount namespace root: " + cwd);
}

void change_folder(const std::string& cwd) {
  if (::chdir(cwd.c_str()) < 0) {
    throw UserError("chdir to cwd (\"" + cwd +
                    "\") set in config.json failed: " + lower_text(errno));
  }
  require_inside(cwd);
}

/** Sockets that were handed to us are handed on, and named to their new owner, see man 3
 * sd_listen_fds. */
void pass_listen_fds(Launch& launch) {
  const char* count = ::getenv("LISTEN_FDS");
  if (count == nullptr) return;
  std::vector<std::string>& env = launch.process.env;
  std::erase_if(env, [](const std::string& entry) {
    return entry.starts_with("LISTEN_PID=") || entry.starts_with("LISTEN_FDS=");
  });
  env.push_back(std::string("LISTEN_FDS=") + count);
  env.push_back("LISTEN_PID=" + std::to_string(::getpid()));
}

}  // namespace

void join_namespaces(const std::vector<NamespaceJoin>& joins) {
  for (const auto& join : joins) {
    // The mount namespace is the last: entering it changes what every path means.
    if (join.flag != CLONE_NEWNS && ::setns(join.fd.get(), join.flag) < 0) {
      throw SysError(errno, "setns", namespace_file(join.flag));
    }
  }
  for (const auto& join : joins) {
    if (join.flag == CLONE_NEWNS && ::setns(join.fd.get(), join.flag) < 0) {
      throw SysError(errno, "setns", "mnt");
    }
  }
}

void start_session(const Launch& launch) {
  if (::setsid() < 0) throw SysError(errno, "setsid");
  if (!launch.has_new_keyring) return;
  const std::string name = "_ses." + launch.id;
  // Where keys are not to be had (ENOSYS, EPERM, EDQUOT) there are none to leak either.
  ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.c_str());
}

std::string prepare_launch(Launch& launch, int root_fd) {
  Process& process = launch.process;
  if (process.args.empty()) throw UserError("process.args must not be empty");
  drop_earlier_values(process.env);
  if (find_variable(process.env, "HOME") == nullptr) {
    process.env.push_back("HOME=" + home_of(root_fd, process.user.uid));
  }
  pass_listen_fds(launch);
  set_scheduling(process);
  if (launch.memory_policy) set_memory_policy(*launch.memory_policy);
  if (launch.personality && ::personality(*launch.personality) < 0) {
    throw SysError(errno, "personality");
  }
  // As root, who may enter what the user may not; then as the user, whom another file system may
  // prefer.
  const bool is_there = ::chdir(process.cwd.c_str()) == 0;
  take_identity(process, launch.keeps_sys_admin());
  if (is_there) {
    require_inside(process.cwd);
  } else {
    change_folder(process.cwd);
  }
  ::umask(process.user.umask.value_or(kDefaultUmask));
  return find_program(process);
}

void execute(const Launch& launch, const std::string& program, const Channel& channel) {
  const Process& process = launch.process;
  // Everything is allocated before the filter, which may not allow what allocation needs.
  std::vector<char*> args = exec_list(process.args);
  std::vector<char*> env = exec_list(process.env);
  const std::string head = read_program_head(program);
  if (process.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    throw SysError(errno, "prctl", "PR_SET_NO_NEW_PRIVS");
  }
  close_descriptors(3 + launch.preserved_fds, ~0u, CLOSE_RANGE_CLOEXEC);
  set_limits(process);
  set_exec_label(launch.label);
  if (!launch.filter.is_empty()) {
    const UniqueFd listener = install_seccomp(launch.filter);
    if (listener) channel.send(Step::kListener, 0, {}, listener.get());
  }
  if (launch.keeps_sys_admin()) drop_sys_admin(process);
  ::execve(program.c_str(), args.data(), env.data());
  const int error = errno;
  throw UserError("exec " + program + ": " + lower_text(error) +
                  describe_unfit_program(head, error));
}

void close_all_but(std::vector<int> kept, const Launch& launch) {
  const int first = 3 + static_cast<int>(launch.preserved_fds);
  if (launch.label.file) kept.push_back(launch.label.file.get());
  // What was handed to us to be handed on came without the flag that all of ours have.
  for (int fd = 3; fd < first; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) == 0) kept.push_back(fd);
  }
  std::sort(kept.begin(), kept.end());
  unsigned next = 3;
  for (const int fd : kept) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 3 || number < next) continue;
    if (number > next) close_descriptors(next, number - 1);
    next = number + 1;
  }
  close_descriptors(next, ~0u);
}

void fail_child(const Channel& channel) {
  try {
    throw;
  } catch (const SysError& error) {
    try {
      channel.send(Step::kFailed, error.error_number(), error.what());
    } catch (const std::exception&) {
      ::_exit(1);
    }
  } catch (const std::exception& error) {
    try {
      channel.send(Step::kFailed, 0, error.what());
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  ::_exit(1);
}

}  // namespace ocup
