#include "shim/run_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace ocup::shim {

RunFolder::RunFolder(std::string path) : path_(std::move(path)) {
  fd_ = open_file(path_, O_RDONLY | O_DIRECTORY);
  if (::fchmod(fd_.get(), 0700) < 0) throw SysError(errno, "chmod", path_);
}

std::string RunFolder::short_path(const std::string& name) const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_.get()) + "/" + name;
}

void RunFolder::remove(const std::string& name) const { ::unlinkat(fd_.get(), name.c_str(), 0); }

void RunFolder::remove_all() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path_.c_str()), ::closedir);
  while (folder != nullptr) {
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    remove(entry->d_name);  // fails for `.` and `..`, which are folders
  }
  ::rmdir(path_.c_str());
}

}  // namespace ocup::shim
