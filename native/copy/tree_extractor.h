#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "addon/file_metadata.h"
#include "addon/tar_entry.h"
#include "base/unique_fd.h"
#include "copy/request.h"

namespace ocup::copy {

/**
 * Puts the members of an archive into a tree, by the rules of cp(1): the first one goes to the
 * place that was named, be it a folder to put it in or a name to give it, and the others go below
 * it.
 *
 *     place               a file comes                a folder comes
 *     a folder            into it, by its name        into it, by its name (`SRC/.`: what is in it)
 *     a file              takes its place             refused
 *     nothing, in a folder   gets that name           gets that name
 *
 * A file is written beside its place and renamed into it, so that it is there as a whole or not at
 * all. Below the place no symbolic link is followed, and no folder is replaced by what is none, nor
 * the other way round.
 */
class TreeExtractor : public TarSink {
 public:
  TreeExtractor(int root_fd, const Request& request);

  void begin(const TarEntry& entry) override;
  void data(uint64_t offset, std::string_view bytes) override;
  void end() override;
  /** Gives folders their times, which what was put into them has changed. Throws SysError. */
  void finish();

  /** Devices, owners and attributes that could not be had. */
  const Skipped& skipped() const { return skipped_; }

 private:
  struct Place {
    UniqueFd parent;
    std::string name;
  };

  void choose_place(const TarEntry& first);
  std::string place_of(const TarEntry& entry) const;
  std::string place_of_path(const std::string& path) const;
  Place open_place(const std::string& path);
  void make_folder(const Place& place, const TarEntry& entry, const std::string& path);
  void open_new_file(Place place, const TarEntry& entry);
  void make_node(const Place& place, const TarEntry& entry);
  void link_file(const Place& place, const TarEntry& entry);
  void set_metadata_of(int fd, const TarEntry& entry);
  void replace_file();

  const int root_fd_;
  const Request& request_;
  Privileges privileges_ = {};
  Skipped skipped_ = {};
  bool has_begun_ = false;
  /** All goes below this folder; the first name of each path becomes `new_name_`. */
  UniqueFd base_;
  std::string new_name_;
  bool drops_first_name_ = false;
  std::vector<std::pair<std::string, timespec>> folder_times_;

  TarEntry entry_;
  Place file_place_;
  std::string temporary_name_;
  UniqueFd file_;
};

}  // namespace ocup::copy
