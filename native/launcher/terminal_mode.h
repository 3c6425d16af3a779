#pragma once

#include <termios.h>

namespace ocup {

/** The mode of the terminal on standard input; as it was before when this goes. */
class TerminalMode {
 public:
  TerminalMode() = default;
  ~TerminalMode() { restore(); }
  TerminalMode(const TerminalMode&) = delete;
  TerminalMode& operator=(const TerminalMode&) = delete;

  enum Mode {
    /** As it was. */
    kLines,
    /** Each key goes through as it is, Ctrl-C too. */
    kKeys,
    /** What is written goes through as well: another terminal has processed it. */
    kRaw,
  };

  /** Stops with SIGTTOU in the background, as it must. */
  void set(Mode mode);
  void restore() { set(kLines); }

 private:
  termios before_ = {};
  bool is_changed_ = false;
};

}  // namespace ocup
