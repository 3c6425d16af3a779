#pragma once

#include <string>

#include "base/unique_fd.h"
#include "shim/run_folder.h"

namespace ocup::shim {

/**
 * The socket to which a runtime sends the terminal it made (`--console-socket`): one message with
 * the master's descriptor. The runtime sends before it ends and awaits nothing, so it is enough to
 * look then.
 */
class ConsoleSocket {
 public:
  /** Listens on a new socket in `folder`. Throws SysError. */
  explicit ConsoleSocket(RunFolder& folder);

  /** Where a runtime reaches it. */
  std::string path() const { return file_.short_path(); }

  /** The terminal that was sent, not blocking. Throws SysError, UserError when there is none. */
  UniqueFd take_terminal();

 private:
  RunFile file_;
  UniqueFd listener_;
};

/** Sets the terminal's size; false when it is none. */
bool set_terminal_size(int fd, unsigned rows, unsigned columns);

/** Listens on a unix socket at `path`, which must be shorter than 108 bytes. Throws SysError. */
UniqueFd listen_at(const std::string& path);

}  // namespace ocup::shim
