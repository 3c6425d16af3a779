#include "addon/tree_export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>
#include <tuple>

#include "addon/file_copy.h"
#include "addon/folder_entries.h"
#include "addon/merged_view.h"
#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

class Export {
 public:
  Export(const std::vector<std::string>& layers, const std::string& target)
      : view_(layers),
        target_(open_file(target, O_RDONLY | O_DIRECTORY)),
        privileges_(find_privileges(target_.get())) {}

  Skipped run() {
    copy_folder(view_.top(), target_.get());
    return skipped_;
  }

 private:
  void copy_folder(const Found& folder, int to) {
    std::set<std::string> names;
    for (const size_t layer : folder.layers) {
      names.merge(names_in(layer, folder.path));
    }
    for (const std::string& name : names) {
      if (const auto found = view_.find_in(folder, name)) copy(*found, to, name);
    }
    const UniqueFd from =
        open_file(view_.layer_fd(folder.layer), folder.path.empty() ? "." : folder.path,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    set_metadata(to, read_metadata(from.get()), privileges_, skipped_);
  }

  std::set<std::string> names_in(size_t layer, const std::string& path) const {
    const std::vector<std::string> names = list_folder(view_.layer_fd(layer), path);
    return {names.begin(), names.end()};
  }

  void copy(const Found& found, int to, const std::string& name) {
    if (S_ISDIR(found.stat.st_mode)) {
      if (::mkdirat(to, name.c_str(), 0700) < 0) throw SysError(errno, "mkdir", found.path);
      const UniqueFd folder = open_file(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      return copy_folder(found, folder.get());
    }
    if (found.stat.st_nlink > 1) {
      const auto key = std::make_tuple(found.layer, found.stat.st_dev, found.stat.st_ino);
      const auto [known, is_new] = links_.try_emplace(key, found.path);
      if (!is_new) {
        if (::linkat(target_.get(), known->second.c_str(), to, name.c_str(), 0) < 0) {
          throw SysError(errno, "link", found.path);
        }
        return;
      }
    }
    copy_file(view_.layer_fd(found.layer), found.path, to, name, privileges_, skipped_);
  }

  const MergedView view_;
  const UniqueFd target_;
  const Privileges privileges_;
  Skipped skipped_;
  std::map<std::tuple<size_t, dev_t, ino_t>, std::string> links_;
};

}  // namespace

Skipped export_tree(const std::vector<std::string>& layers, const std::string& target) {
  return Export(layers, target).run();
}

}  // namespace ocup
