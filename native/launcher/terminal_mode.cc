#include "launcher/terminal_mode.h"

#include <unistd.h>

namespace ocup {

void TerminalMode::make_raw() {
  if (is_raw_ || ::tcgetattr(STDIN_FILENO, &before_) < 0) return;
  // As Node.js does it: output is still processed, so that lines of others go on beginning at the left.
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  raw.c_oflag |= ONLCR;
  raw.c_cflag |= CS8;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  is_raw_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void TerminalMode::restore() {
  if (!is_raw_) return;
  is_raw_ = false;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

}  // namespace ocup
