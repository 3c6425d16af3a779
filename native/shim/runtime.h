#pragma once

#include <functional>
#include <string>
#include <vector>

#include "shim/config.h"
#include "shim/process_io.h"
#include "shim/reaper.h"
#include "shim/run_folder.h"
#include "shim/spawn.h"

namespace ocup::shim {

struct RuntimeResult {
  bool is_done;
  /** What the runtime said went wrong: the last error of its log, else what it wrote on standard
   * error. */
  std::string message;
};

/** Runs the OCI runtime's command line, without waiting for it. */
class Runtime {
 public:
  using Callback = std::function<void(const RuntimeResult&)>;

  /** Throws SysError. */
  Runtime(Reaper& reaper, RunFolder& folder, const ShimConfig& config);

  /** Runs `RUNTIME --root … --log … ARGS` and calls back when it has ended. Throws SysError. */
  void run(const std::vector<std::string>& args, Callback callback);

  /** The same for a runtime that makes a process of the container, with what this process inherits.
   */
  void run(std::vector<std::string> args, const ProcessIo& io, Callback callback);

 private:
  void run(const std::vector<std::string>& args, const ChildStdio& stdio, const RunFile& log,
           Reaper::Callback callback);

  pid_t start(std::vector<std::string> words, const ChildStdio& stdio) const;

  Reaper& reaper_;
  RunFolder& folder_;
  const ShimConfig& config_;
  /**
   * Ours is part of this program, and a copy of this process starts sooner than a program. Where a
   * container could write to our file (see `protect_own_executable`), a program it is.
   */
  const bool is_built_in_;
};

/** What a runtime's error is about, in the words of `ShimReady`. */
const char* classify_error(const std::string& message);

/** The process number in a file that a runtime wrote. Throws SysError, UserError. */
pid_t read_pid_file(const std::string& path);

}  // namespace ocup::shim
