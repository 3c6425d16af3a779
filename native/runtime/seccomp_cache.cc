#include <fcntl.h>
#include <seccomp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "runtime/seccomp.h"

namespace ocup {

namespace {

// A file of the cache: the header, the profile it was compiled from, the program. The profile is
// compared whole, so two profiles with one hash are only a miss, never the wrong filter.
struct Header {
  char magic[8];
  uint32_t library_version;
  uint32_t flags;
  uint64_t profile_size;
  uint64_t program_size;
};

/** No id of a container can hold a `~`. */
constexpr const char* kFolder = "/~seccomp";

constexpr char kMagic[8] = {'o', 'c', 'u', 'p', 'b', 'p', 'f', '2'};

/** The kernel takes 4096 instructions of 8 bytes; what is larger was not written here. */
constexpr uint64_t kMaxProgram = 1u << 16;

uint32_t library_version() {
  const scmp_version* version = ::seccomp_version();
  return version->major << 16 | version->minor << 8 | version->micro;
}

/** FNV-1a. */
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

bool is_ours_alone(int fd, mode_t type) {
  struct stat stat = {};
  return ::fstat(fd, &stat) == 0 && (stat.st_mode & mode_t{S_IFMT}) == type &&
         stat.st_uid == ::geteuid() && (stat.st_mode & 077) == 0;
}

/** Empty when there is none that can be trusted. */
UniqueFd open_cache(const std::string& path) {
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && errno == ENOENT && ::mkdir(path.c_str(), 0700) == 0) {
    folder.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (folder && !is_ours_alone(folder.get(), S_IFDIR)) folder.reset();
  return folder;
}

bool find_cached(int folder, const std::string& name, std::string_view profile,
                 SeccompFilter& filter) {
  const UniqueFd file(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file || !is_ours_alone(file.get(), S_IFREG)) return false;
  std::string data;
  try {
    data = read_all(file.get(), name);
  } catch (const SysError&) {
    return false;
  }
  Header header = {};
  if (data.size() < sizeof header) return false;
  std::memcpy(&header, data.data(), sizeof header);
  const std::string_view rest = std::string_view(data).substr(sizeof header);
  const bool is_sound = std::memcmp(header.magic, kMagic, sizeof kMagic) == 0 &&
                        header.library_version == library_version() &&
                        header.profile_size == profile.size() &&
                        header.program_size <= kMaxProgram && header.program_size > 0 &&
                        rest.size() == header.profile_size + header.program_size &&
                        rest.substr(0, profile.size()) == profile;
  if (!is_sound) return false;
  filter.flags = header.flags;
  filter.program = rest.substr(profile.size());
  return true;
}

void store(int folder, const std::string& name, std::string_view profile,
           const SeccompFilter& filter) {
  Header header = {{}, library_version(), filter.flags, profile.size(), filter.program.size()};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  std::string data(reinterpret_cast<const char*>(&header), sizeof header);
  data.append(profile).append(filter.program);
  const std::string temporary = name + "." + std::to_string(::getpid());
  const UniqueFd file(::openat(folder, temporary.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return;
  // A cache that cannot be written costs time, nothing else.
  const bool is_written =
      ::write(file.get(), data.data(), data.size()) == static_cast<ssize_t>(data.size());
  if (!is_written || ::renameat(folder, temporary.c_str(), folder, name.c_str()) < 0) {
    ::unlinkat(folder, temporary.c_str(), 0);
  }
}

}  // namespace

SeccompFilter load_seccomp_filter(const rapidjson::Value& profile, const std::string& state_root) {
  if (!profile.IsObject()) throw SpecError("linux.seccomp", "must be an object");
  const std::string text = comparable_form(profile);
  char name[32];
  ::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(hash_of(text)));
  const UniqueFd folder = open_cache(state_root + kFolder);
  SeccompFilter filter;
  const JsonNode node(profile, "linux.seccomp");
  if (!folder || !find_cached(folder.get(), name, text, filter)) {
    filter = compile_seccomp(node);
    if (folder) store(folder.get(), name, text, filter);
  }
  // Most profiles ask nobody, and are not searched for it.
  filter.has_listener = text.find("SCMP_ACT_NOTIFY") != std::string::npos && has_listener(node);
  return filter;
}

}  // namespace ocup
