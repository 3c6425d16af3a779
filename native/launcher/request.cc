#include "launcher/request.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ocup {

namespace {

/** An empty variable counts as not set. */
std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

std::string file_identity(const struct stat& stat) {
  return std::to_string(stat.st_dev) + ":" + std::to_string(stat.st_ino);
}

/** Which file it is, and when it was written last: another build is another one. */
std::string build_identity(const std::string& path) {
  struct stat stat = {};
  if (::stat(path.c_str(), &stat) < 0) return "";
  return path + ":" + std::to_string(stat.st_size) + ":" + std::to_string(stat.st_mtim.tv_sec) +
         "." + std::to_string(stat.st_mtim.tv_nsec);
}

/** The mount namespace and the root in it: elsewhere, the same path is another file. */
std::string view_identity() {
  struct stat space = {};
  struct stat root = {};
  if (::stat("/proc/self/ns/mnt", &space) < 0 || ::stat("/", &root) < 0) return "";
  return file_identity(space) + " " + file_identity(root);
}

std::string user_identity() {
  std::string text = std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
  std::array<gid_t, NGROUPS_MAX> groups = {};
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  for (int i = 0; i < count; ++i) text += "," + std::to_string(groups[static_cast<size_t>(i)]);
  return text;
}

std::string current_umask() {
  const mode_t mask = ::umask(022);
  ::umask(mask);
  return std::to_string(mask);
}

/** `24x80`, rows first; empty for what is no terminal. */
std::string terminal_size(int fd) {
  if (::isatty(fd) == 0) return "";
  winsize size = {};
  ::ioctl(fd, TIOCGWINSZ, &size);
  return std::to_string(size.ws_row) + "x" + std::to_string(size.ws_col);
}

void add(std::string& request, std::string_view text) {
  request.append(text);
  request.push_back('\0');
}

}  // namespace

std::string install_root() {
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0) throw SysError(errno, "readlink", "/proc/self/exe");
  path.resize(static_cast<size_t>(size));
  for (int level = 0; level < 3; ++level) path.resize(path.rfind('/'));
  return path;
}

std::string run_folder() {
  if (const std::string set = variable("OCUP_RUN_DIR"); !set.empty()) return set;
  if (::getuid() == 0) return "/run/ocup";
  if (const std::string set = variable("XDG_RUNTIME_DIR"); !set.empty()) return set + "/ocup";
  const std::string usual = "/run/user/" + std::to_string(::getuid());
  if (::access(usual.c_str(), F_OK) == 0) return usual + "/ocup";
  return "/tmp/ocup-" + std::to_string(::getuid());
}

std::optional<std::string> make_request(const std::string& root, int argc, char** argv) {
  std::string folder(PATH_MAX, '\0');
  if (::getcwd(folder.data(), folder.size()) == nullptr) return std::nullopt;
  std::string request;
  add(request, build_identity(root + "/dist/warm.cjs"));
  add(request, view_identity());
  add(request, user_identity());
  add(request, current_umask());
  add(request, folder.c_str());
  for (int fd = 0; fd < 3; ++fd) add(request, terminal_size(fd));
  add(request, std::to_string(argc - 1));
  for (int i = 1; i < argc; ++i) add(request, argv[i]);
  for (char** entry = ::environ; *entry != nullptr; ++entry) add(request, *entry);
  return request;
}

}  // namespace ocup
