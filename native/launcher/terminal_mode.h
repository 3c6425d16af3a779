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

  /** Each key goes through as it is, Ctrl-C too. Stops with SIGTTOU in the background, as it must. */
  void make_raw();
  void restore();
  bool is_raw() const { return is_raw_; }

 private:
  termios before_ = {};
  bool is_raw_ = false;
};

}  // namespace ocup
