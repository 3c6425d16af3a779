#include "addon/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ocup {

namespace {

/** Copies are kept above this, out of the way of the numbers that the child wants. */
constexpr int kCopiesFrom = 256;

void check(int error_number, const char* call) {
  if (error_number != 0) throw SysError(error_number, call);
}

/** The C array over strings that live elsewhere. */
std::vector<char*> to_pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class FileActions {
 public:
  FileActions() {
    check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
  }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

  void copy(int from, int to) {
    // The intermediate copy keeps a later target from overwriting an earlier source.
    UniqueFd held(::fcntl(from, F_DUPFD_CLOEXEC, kCopiesFrom));
    if (!held) throw SysError(errno, "fcntl", "F_DUPFD_CLOEXEC");
    check(::posix_spawn_file_actions_adddup2(&actions_, held.get(), to), "adddup2");
    held_.push_back(std::move(held));
  }

  void open_null(int to) {
    check(::posix_spawn_file_actions_addopen(&actions_, to, "/dev/null", O_RDWR, 0), "addopen");
  }

  void close(int fd) { check(::posix_spawn_file_actions_addclose(&actions_, fd), "addclose"); }

  void close_from(int fd) {
    check(::posix_spawn_file_actions_addclosefrom_np(&actions_, fd), "addclosefrom");
  }

  void change_folder(const std::string& path) {
    check(::posix_spawn_file_actions_addchdir_np(&actions_, path.c_str()), "addchdir");
  }

 private:
  posix_spawn_file_actions_t actions_;
  std::vector<UniqueFd> held_;
};

class Attributes {
 public:
  explicit Attributes(bool new_session) {
    check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    // sigfillset leaves out the two signals that glibc keeps for itself, and posix_spawn would
    // ignore those.
    std::memset(&all, 0xff, sizeof all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    // Node ignores SIGPIPE, and what is ignored stays so across exec.
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    const int session = new_session ? POSIX_SPAWN_SETSID : 0;
    const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | session;
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

pid_t spawn(const SpawnRequest& request) {
  std::map<int, int> wanted = {{0, -1}, {1, -1}, {2, -1}};
  for (const auto& [to, from] : request.descriptors) wanted[to] = from;

  FileActions actions;
  for (const auto& [to, from] : wanted) {
    if (from >= 0) actions.copy(from, to);
  }
  for (const auto& [to, from] : wanted) {
    if (from < 0) actions.open_null(to);
  }
  const int last = wanted.rbegin()->first;
  for (int fd = 3; fd < last; ++fd) {
    if (!wanted.contains(fd)) actions.close(fd);
  }
  actions.close_from(last + 1);
  if (!request.cwd.empty()) actions.change_folder(request.cwd);

  const Attributes attributes(request.new_session);
  const std::vector<char*> args = to_pointers(request.args);
  const std::vector<char*> env = to_pointers(request.env);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, request.path.c_str(), actions.get(), attributes.get(),
                                   args.data(), env.data());
  if (failed != 0) throw SysError(failed, "posix_spawn", request.path);
  return pid;
}

}  // namespace ocup
