#pragma once

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "shim/console.h"
#include "shim/run_folder.h"
#include "shim/spawn.h"

namespace ocup::shim {

/** The descriptors between a process that a runtime makes and this shim: pipes, or a terminal. */
class ProcessIo {
 public:
  /** Throws SysError. */
  ProcessIo(RunFolder& folder, bool has_tty, bool has_stdin);
  ProcessIo(const ProcessIo&) = delete;
  ProcessIo& operator=(const ProcessIo&) = delete;

  bool has_console() const { return console_.has_value(); }
  /** For the runtime's `--console-socket`. */
  std::string console_path() const { return console_->path(); }
  /** For the runtime, which hands them on. */
  ChildStdio child_stdio() const;

  /** What a runtime that failed wrote on standard error. */
  std::string read_errors() const;

  /**
   * The runtime has made the process: closes the child's ends, so that the end of output can be
   * seen, and takes the terminal. Throws SysError, UserError.
   */
  void connect();

  /** After `connect`; each once. Input is empty when there is none. */
  UniqueFd take_input() { return std::move(input_); }
  UniqueFd take_output() { return std::move(output_); }
  UniqueFd take_error() { return std::move(error_); }
  /** The terminal itself, for its size. */
  UniqueFd take_terminal() { return std::move(terminal_); }

 private:
  std::optional<ConsoleSocket> console_;
  bool has_stdin_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd error_;
  UniqueFd terminal_;
  UniqueFd child_input_;
  UniqueFd child_output_;
  UniqueFd child_error_;
};

}  // namespace ocup::shim
