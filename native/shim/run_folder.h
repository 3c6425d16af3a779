#pragma once

#include <string>

#include "base/unique_fd.h"

namespace ocup::shim {

/** The folder `<run>/containers/<id>` with the sockets and small files of one container. */
class RunFolder {
 public:
  /** Makes it private (0700). Throws SysError. */
  explicit RunFolder(std::string path);

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  /**
   * The same by way of our descriptor: short, so that it fits into a socket address (108 bytes)
   * wherever the folder is, and good for every process that sees ours in /proc.
   */
  std::string short_path(const std::string& name) const;

  /** A number that was not used for a file yet. */
  std::string next_number() { return std::to_string(next_number_++); }

  /** Removes a file. Harmless when there is none. */
  void remove(const std::string& name) const;
  /** Removes every file in it, and itself. */
  void remove_all();

 private:
  std::string path_;
  UniqueFd fd_;
  unsigned long next_number_ = 0;
};

/** Removes a file of the folder when it goes. */
class RunFile {
 public:
  RunFile(const RunFolder& folder, std::string name) : folder_(folder), name_(std::move(name)) {}
  ~RunFile() { folder_.remove(name_); }
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;

  std::string path() const { return folder_.path(name_); }
  std::string short_path() const { return folder_.short_path(name_); }

 private:
  const RunFolder& folder_;
  std::string name_;
};

}  // namespace ocup::shim
