#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace ocup {

// clang-format off
// The talk between the runtime and the first process of a container (or a process that joins one).
//
//   runtime                                             first process
//     │ clone3 ──────────────────────────────────────────▶ │
//     │ 1 kIdsMapped       (a new user namespace only) ──▶ │ becomes root there; mounts
//     │ 2 kCgroupReady + fds ────────────────────────────▶ │ enters them; cgroup namespace and mounts
//     │ ◀────────── 3 kNamespacesReady    (only with hooks) │
//     │ 4 kHooksRun ─────────────────────────────────────▶ │ pivot_root, ids, looks for the program
//     │ ◀────────── 5 kTerminal + fd  (without its socket)  │
//     │ ◀────────── 6 kReady                                │ all is done but execve
//     │ 7 kRecorded ─────────────────────────────────────▶ │ waits for `start`, or goes on
//     │ ◀────────── kListener + fd  (a filter that notifies)│ hands over, goes on
//     │ ◀────────── kFailed + errno + text    at any time   │ ends
//     │ ◀────────── end of file after 7: execve succeeded   │
//
// clang-format on
// INVARIANT: when the runtime dies before 7, the first process reads end of file, and ends.
enum class Step : unsigned {
  kIdsMapped = 1,
  kCgroupReady,
  kNamespacesReady,
  kHooksRun,
  kTerminal,
  kReady,
  kRecorded,
  kListener,
  kFailed,
};

/** More hierarchies of cgroups than any kernel has. */
inline constexpr size_t kMaxFds = 32;

struct Message {
  Step step = Step::kFailed;
  int error_number = 0;
  std::string text;
  std::vector<UniqueFd> fds;

  /** The first descriptor; empty when there is none. */
  UniqueFd take_fd() { return fds.empty() ? UniqueFd() : std::move(fds.front()); }
};

/** One end of the talk. Messages keep their borders. */
class Channel {
 public:
  explicit Channel(UniqueFd fd) : fd_(std::move(fd)) {}

  /** Throws SysError. A descriptor is passed along when it is not -1. */
  void send(Step step, int error_number = 0, std::string_view text = {}, int fd = -1) const;

  /** The same with any number of descriptors, up to kMaxFds. */
  void send_all(Step step, std::string_view text, const std::vector<UniqueFd>& fds) const;

  /** Waits for a message. False at end of file: the other side is gone. Throws SysError. */
  bool receive(Message& message) const { return receive(message, 0); }

  /** Waits for that step. Throws UserError with the other side's text, or that it is gone. */
  Message expect(Step step) const;

  /**
   * The text for a step of ours that failed with `error`: when the other side has reported a
   * failure, ours is only what followed from it, and that report is the answer.
   */
  std::string explain(const std::exception& error) const;

  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }

 private:
  bool receive(Message& message, int flags) const;

  UniqueFd fd_;
};

struct ChannelPair {
  Channel runtime;
  Channel child;
};

ChannelPair make_channel();

/** Sends a descriptor with `text` over a stream socket, as console sockets take it. Throws
 * SysError. */
void send_fd(int socket_fd, int fd, std::string_view text);

/** Connects to the unix socket at `path`. Throws SysError. */
UniqueFd connect_unix(const std::string& path);

}  // namespace ocup
