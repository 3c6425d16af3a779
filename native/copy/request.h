#pragma once

#include <string>
#include <vector>

#include "shim/config.h"

namespace ocup::copy {

/** Something of the host that a container sees at `target`. */
struct RootMount {
  std::string source;
  std::string target;
  bool is_read_only = false;
};

/** Whose files: those of a running process, of an overlay that is mounted for us, or our own. */
struct RootConfig {
  pid_t pid = 0;
  /** Its `bundle`, `overlay` and `copy_ups` are set when there is no process. */
  shim::ShimConfig shim;
  bool is_overlay = false;
  bool is_read_only = false;
  std::vector<RootMount> mounts;
};

/** What is asked for. See `CopyRequest` in src/wire/copy.ts. */
struct Request {
  /** Remove: what comes in names files and empty folders, each ended by a zero byte. */
  enum class Operation { kRead, kWrite, kRemove };

  Operation operation = Operation::kRead;
  RootConfig root;
  std::string path;
  /** Read what a link at `path` points to. */
  bool follows_link = false;
  /** Keep owners and extended attributes. */
  bool keeps_owner = false;
  /** Write: the archive is the user's own, and goes into the folder as it is. */
  bool is_plain_archive = false;
};

/** Throws SpecError. */
Request parse_request(const std::string& json);

}  // namespace ocup::copy
