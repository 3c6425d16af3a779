#pragma once

#include <cstddef>
#include <cstdint>

namespace ocup {

// Launcher and command host speak in frames on a unix socket; src/warm/messages.ts has the other half.
//
//     ┌─────────┬──────────────────┬─────────┐
//     │ type, 1 │ length, 4, big-e │ payload │
//     └─────────┴──────────────────┴─────────┘
//
//     launcher                                host
//       │ request ─▶                            │
//       │ ◀─ accepted, or refused               │  refused: Node.js is started instead
//       │ go, with descriptors 0, 1, 2 ─▶       │  INVARIANT: nothing is done before it comes
//       │ signal, resize, input … ─▶            │
//       │ ◀─ terminalMode, readInput, paused …  │
//       │ ◀─ exit                               │
enum class Message : uint8_t {
  /** → strings, each ended by NUL; see `request.cc`. */
  kRequest = 1,
  kGo = 2,
  /** → the signal's number, a byte. Each is answered by `kSignalSeen`. */
  kSignal = 3,
  /** → rows and columns, two bytes each. */
  kResize = 4,
  /** → what was typed. */
  kInput = 5,
  kInputEnd = 6,
  /** → the user stops the job: nothing is to be written until `kContinued`. Answered by `kPaused`. */
  kStopped = 7,
  kContinued = 8,
  /** → the mode of the terminal is now as the first unanswered `kTerminalMode` asked. */
  kModeSet = 9,

  kAccepted = 65,
  kRefused = 66,
  /** ← the exit code, a byte: the last frame. */
  kExit = 67,
  /** ← the mode of the terminal of standard input, a `TerminalMode::Mode`. Answered by `kModeSet`. */
  kTerminalMode = 68,
  /** ← 1: the terminal of standard input is read, 0: no more. */
  kReadInput = 69,
  kSignalSeen = 70,
  kPaused = 71,
};

constexpr size_t kFrameHeaderBytes = 5;

}  // namespace ocup
