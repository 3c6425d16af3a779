#pragma once

#include <string>

#include "base/unique_fd.h"

namespace ocup::copy {

/** A place in a tree, whether something is there or not. */
struct Target {
  /** The folder that holds it, with O_PATH. */
  UniqueFd parent;
  /** Its name in there; `.` for the folder itself. */
  std::string name;
  bool exists = false;
  bool is_folder = false;
};

/**
 * Finds where `path` leads inside the tree, symbolic links followed; one at the very end only if
 * `follows` or the path ends with a slash. Throws SysError when the folder that would hold it is
 * missing.
 */
Target find_target(int root_fd, const std::string& path, bool follows);

/** Whether the path says that it means a folder: it ends with `/` or `/.`. */
bool names_folder(const std::string& path);

/** Whether the path says that what is in the folder is meant: it ends with `/.`. */
bool names_contents(const std::string& path);

}  // namespace ocup::copy
