#include "runtime/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace ocup {

namespace {

constexpr const char* kStateFile = "state.json";
constexpr const char* kStartSocket = "start.sock";

bool is_valid_id(const std::string& id) {
  const bool has_valid_characters = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::strchr("_+-.", c) != nullptr;
  });
  return !id.empty() && id.size() <= 1024 && has_valid_characters && id != "." && id != "..";
}

void require_valid_id(const std::string& id) {
  if (!is_valid_id(id)) throw UserError("invalid container id format: \"" + id + "\"");
}

/** A socket's address holds 108 bytes: the way over the folder's descriptor is always short enough.
 */
sockaddr_un start_address(int folder_fd) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder_fd,
             kStartSocket);
  return address;
}

UniqueFd make_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw SysError(errno, "socket");
  return fd;
}

void write_pairs(JsonWriter& writer,
                 const std::vector<std::pair<std::string, std::string>>& pairs) {
  writer.begin_object();
  for (const auto& [key, value] : pairs) writer.key(key).string(value);
  writer.end_object();
}

ContainerState read_state(const JsonNode& node) {
  ContainerState state;
  state.id = node.get("id").string();
  state.oci_version = node.get("ociVersion").string();
  state.bundle = node.get("bundle").string();
  state.rootfs = node.get("rootfs").string();
  state.created = node.get("created").string();
  if (const auto annotations = node.find("annotations")) {
    annotations->each_member([&](const JsonNode& member) {
      state.annotations.emplace_back(member.name(), member.string());
    });
  }
  state.pid = static_cast<pid_t>(node.get("pid").integer(0, INT32_MAX));
  state.start_time = node.get("startTime").natural();
  state.is_complete = node.boolean("isComplete", false);
  state.cgroup = Cgroup(node.get("cgroups"));
  if (const auto unit = node.find("systemdUnit")) {
    state.unit = {unit->get("name").string(), unit->get("slice").string(),
                  unit->boolean("user", false)};
  }
  if (const auto config = node.find("config")) state.config = json_text(config->value());
  return state;
}

}  // namespace

const char* status_name(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "stopped";
}

bool ContainerState::is_alive() const {
  if (pid == 0) return false;
  const auto process = find_process(pid);
  return process && process->start_time == start_time && process->state != 'Z' &&
         process->state != 'X';
}

void ContainerState::destroy_cgroups() const {
  cgroup.destroy();
  if (!unit.is_none()) stop_systemd_unit(unit);
}

Status ContainerState::status(int folder_fd) const {
  if (!is_complete) return pid == 0 || is_alive() ? Status::kCreating : Status::kStopped;
  if (!is_alive()) return Status::kStopped;
  if (cgroup.is_frozen()) return Status::kPaused;
  struct stat socket = {};
  const bool waits = ::fstatat(folder_fd, kStartSocket, &socket, AT_SYMLINK_NOFOLLOW) == 0;
  return waits ? Status::kCreated : Status::kRunning;
}

ContainerState parse_state(std::string text, const std::string& name) {
  // It holds a whole config.json one level further in.
  const JsonDocument document(std::move(text), name, kMaxJsonDepth + 1);
  return read_state(JsonNode(document.root()));
}

std::string state_json(const ContainerState& state, Status status, pid_t pid,
                       const std::string* owner) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("ociVersion").string(state.oci_version);
  writer.key("id").string(state.id);
  if (pid != 0 || owner != nullptr) writer.key("pid").integer(pid);
  writer.key("status").string(status_name(status));
  writer.key("bundle").string(state.bundle);
  if (owner != nullptr) {
    writer.key("rootfs").string(state.rootfs);
    writer.key("created").string(state.created);
  }
  if (!state.annotations.empty()) {
    writer.key("annotations");
    write_pairs(writer, state.annotations);
  }
  if (owner != nullptr) writer.key("owner").string(*owner);
  writer.end_object();
  return writer.text();
}

StateFolder StateFolder::create(const std::string& root, const std::string& id) {
  require_valid_id(id);
  const std::string path = root + "/" + id;
  if (::mkdir(path.c_str(), 0700) < 0) {
    if (errno == EEXIST) throw UserError("container with given ID already exists");
    if (errno != ENOENT) throw SysError(errno, "mkdir", path);
    make_folders(root, 0700);
    if (::mkdir(path.c_str(), 0700) < 0) throw SysError(errno, "mkdir", path);
  }
  return {path, id, open_file(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)};
}

StateFolder StateFolder::open(const std::string& root, const std::string& id) {
  require_valid_id(id);
  const std::string path = root + "/" + id;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ENOENT || errno == ENOTDIR)) throw UserError("container does not exist");
  if (!fd) throw SysError(errno, "open", path);
  return {path, id, std::move(fd)};
}

std::vector<std::string> StateFolder::list(const std::string& root) {
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  std::vector<std::string> ids;
  const std::unique_ptr<DIR, Close> stream(::opendir(root.c_str()));
  if (!stream) {
    if (errno == ENOENT) return ids;
    throw SysError(errno, "opendir", root);
  }
  while (const dirent* entry = ::readdir(stream.get())) {
    if (entry->d_type == DT_DIR && is_valid_id(entry->d_name)) ids.emplace_back(entry->d_name);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::string StateFolder::canonical_path() const {
  const std::string link = "/proc/self/fd/" + std::to_string(fd_.get());
  char text[PATH_MAX];
  const ssize_t length = ::readlink(link.c_str(), text, sizeof text);
  return length < 0 ? path_ : std::string(text, static_cast<size_t>(length));
}

void StateFolder::lock() const {
  if (retry_interrupted([&] { return ::flock(fd_.get(), LOCK_EX); }) < 0) {
    throw SysError(errno, "flock", path_);
  }
  // Whoever held the lock may have removed the container: then this is the lock of nothing.
  struct stat ours = {};
  struct stat now = {};
  const bool is_same = ::fstat(fd_.get(), &ours) == 0 && ::stat(path_.c_str(), &now) == 0 &&
                       ours.st_ino == now.st_ino && ours.st_dev == now.st_dev;
  if (!is_same) throw UserError("container does not exist");
}

void StateFolder::unlock() const { ::flock(fd_.get(), LOCK_UN); }

void StateFolder::save(const ContainerState& state) const {
  prepare(state);
  publish();
}

void StateFolder::publish() const { take_place(path_ + "/" + kStateFile); }

void StateFolder::prepare(const ContainerState& state) const {
  JsonWriter writer(state.config.size() + 4096);
  writer.begin_object();
  writer.key("version").integer(1);
  writer.key("id").string(state.id);
  writer.key("ociVersion").string(state.oci_version);
  writer.key("bundle").string(state.bundle);
  writer.key("rootfs").string(state.rootfs);
  writer.key("created").string(state.created);
  if (!state.annotations.empty()) {
    writer.key("annotations");
    write_pairs(writer, state.annotations);
  }
  writer.key("pid").integer(state.pid);
  writer.key("startTime").natural(state.start_time);
  writer.key("isComplete").boolean(state.is_complete);
  writer.key("cgroups");
  state.cgroup.write_record(writer);
  if (!state.unit.is_none()) {
    writer.key("systemdUnit").begin_object();
    writer.key("name").string(state.unit.name);
    writer.key("slice").string(state.unit.slice);
    writer.key("user").boolean(state.unit.is_user);
    writer.end_object();
  }
  if (!state.config.empty()) writer.key("config").raw(state.config);
  writer.end_object();
  write_file_aside(path_ + "/" + kStateFile, writer.view());
}

std::optional<ContainerState> StateFolder::find() const {
  const UniqueFd file(::openat(fd_.get(), kStateFile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) throw SysError(errno, "open", path_ + "/" + kStateFile);
  return parse_state(read_all(file.get(), path_), path_ + "/" + kStateFile);
}

ContainerState StateFolder::load() const {
  auto state = find();
  if (!state) throw UserError("container does not exist");
  return std::move(*state);
}

void StateFolder::remove() const {
  for (const char* name : {kStateFile, "state.json.tmp", kStartSocket}) {
    if (::unlinkat(fd_.get(), name, 0) < 0 && errno != ENOENT)
      throw SysError(errno, "unlink", name);
  }
  if (::rmdir(path_.c_str()) < 0 && errno != ENOENT) throw SysError(errno, "rmdir", path_);
}

UniqueFd StateFolder::listen_for_start() const {
  UniqueFd fd = make_socket();
  const sockaddr_un address = start_address(fd_.get());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SysError(errno, "bind", path_ + "/" + kStartSocket);
  }
  if (::listen(fd.get(), 1) < 0) throw SysError(errno, "listen", kStartSocket);
  return fd;
}

UniqueFd StateFolder::connect_to_start() const {
  UniqueFd fd = make_socket();
  const sockaddr_un address = start_address(fd_.get());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw UserError("cannot start a container that has stopped");
  }
  return fd;
}

void StateFolder::remove_start_socket() const { ::unlinkat(fd_.get(), kStartSocket, 0); }

}  // namespace ocup
