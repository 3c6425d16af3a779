#pragma once

#include <csignal>

#include "base/unique_fd.h"

namespace ocup {

/**
 * Takes the signals that a command hears, for a descriptor to read them from, and gives their mask back when it goes.
 * Signals that were ignored when the program was started, as by nohup, stay so.
 */
class SignalSource {
 public:
  /** Throws SysError. */
  SignalSource();
  ~SignalSource();
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;

  int fd() const { return fd_.get(); }

  /** The next signal, 0 when there is none. */
  int next() const;

 private:
  UniqueFd fd_;
  sigset_t before_ = {};
};

/** Stops this process as the terminal's SIGTSTP would, and returns when it is continued. */
void stop_self();

}  // namespace ocup
