#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>

#include "copy/archive_writer.h"
#include "copy/target.h"

namespace ocup::copy {

/**
 * Writes what is at a place, and all below it, as an archive. Links are written as links, files
 * that are one file as hard links; sockets are left out. Nothing is opened by way of a link.
 */
class TreeArchiver {
 public:
  explicit TreeArchiver(ArchiveWriter& writer) : writer_(writer) {}

  /** `name` is what it is called in the archive. Throws SysError. */
  void add(const Target& target, const std::string& name);

 private:
  using FileId = std::pair<dev_t, ino_t>;

  void add_entry(int parent_fd, const char* file, const std::string& name);
  void add_folder(int parent_fd, const char* file, TarEntry& entry);
  void add_file(int parent_fd, const char* file, TarEntry& entry);
  void send_content(int fd, uint64_t size);
  bool add_hard_link(const struct stat& info, TarEntry& entry);

  ArchiveWriter& writer_;
  std::map<FileId, std::string> linked_;
};

}  // namespace ocup::copy
