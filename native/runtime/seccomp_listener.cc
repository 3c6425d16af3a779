#include "runtime/seccomp_listener.h"

#include "base/error.h"

namespace ocup {

namespace {

std::string process_state(const JsonNode& profile, const ContainerState& state, Status status,
                          pid_t pid) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("ociVersion").string(state.oci_version);
  writer.key("fds").begin_array().string("seccompFd").end_array();
  writer.key("pid").integer(pid);
  const std::string metadata = profile.string("listenerMetadata", "");
  if (!metadata.empty()) writer.key("metadata").string(metadata);
  writer.key("state").raw(state_json(state, status, state.pid, nullptr));
  writer.end_object();
  return writer.text();
}

void hand_over(const rapidjson::Value& seccomp, const std::string& text, int listener_fd) {
  const JsonNode profile(seccomp, "linux.seccomp");
  const std::string path = profile.get("listenerPath").string();
  try {
    const UniqueFd agent = connect_unix(path);
    send_fd(agent.get(), listener_fd, text);
  } catch (const SysError& error) {
    profile.get("listenerPath").fail(std::string("cannot hand over the listener: ") + error.what());
  }
}

}  // namespace

void await_execve(const Channel& channel, const rapidjson::Value* seccomp,
                  const ContainerState& state, Status status, pid_t pid) {
  Message message;
  while (channel.receive(message)) {
    if (message.step != Step::kListener || seccomp == nullptr) throw UserError(message.text);
    const JsonNode profile(*seccomp, "linux.seccomp");
    hand_over(*seccomp, process_state(profile, state, status, pid), message.take_fd().get());
    message = {};
  }
}

}  // namespace ocup
