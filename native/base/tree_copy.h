#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace ocup {

/**
 * Copies a tree of files as it is. The destination may be open to others: no symbolic link in it is
 * followed, and what was made is changed through its descriptor only.
 */
class TreeCopy {
 public:
  /** `top_fd` is the destination's top folder, to which the names of hard links are relative. */
  explicit TreeCopy(int top_fd) : top_fd_(top_fd) {}

  /** Copies what is in the folder `from`. Throws SysError. */
  void copy_folder(int from, int to) { copy_entries(from, to, ""); }

 private:
  using FileId = std::pair<dev_t, ino_t>;

  void copy_entries(int from, int to, const std::string& prefix);
  void copy_entry(int from, int to, const char* name, const std::string& path);
  void copy_subfolder(int from, int to, const char* name, const std::string& path);
  void copy_node(int from, int to, const char* name, const struct stat& info);

  int top_fd_;
  std::map<FileId, std::string> linked_;
};

/** Copies what is in the folder `from` into the folder `to`, and its own attributes and times.
 * Throws SysError. */
void copy_tree(int from, int to);

/** Owner, mode and extended attributes of an open file. Throws SysError. */
void copy_attributes(int from, int to);

/** Throws SysError. */
void copy_times(int from, int to);

/** Calls `visit(name)` for all in the folder but `.` and `..`, names collected before. Throws
 * SysError. */
void each_entry(int folder_fd, const std::function<void(const char*)>& visit);

/** Removes `name` and all below it. Harmless when there is none. Throws SysError. */
void remove_tree(int folder_fd, const char* name);

}  // namespace ocup
