#include "launcher/terminal_mode.h"

#include <unistd.h>

namespace ocup {

void TerminalMode::set(Mode mode) {
  if (mode == kLines) {
    if (is_changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    is_changed_ = false;
    return;
  }
  if (!is_changed_ && ::tcgetattr(STDIN_FILENO, &before_) < 0) return;
  termios raw = before_;
  raw.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
  if (mode == kRaw) {
    raw.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  } else {
    // As Node.js does it, so that lines of others go on beginning at the left.
    raw.c_oflag |= ONLCR;
  }
  raw.c_cflag |= CS8;
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | IEXTEN | ISIG);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  if (::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0) is_changed_ = true;
}

}  // namespace ocup
