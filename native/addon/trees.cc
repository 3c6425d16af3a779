#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "addon/file_metadata.h"
#include "addon/folder_entries.h"
#include "addon/js_values.h"
#include "addon/merged_view.h"
#include "addon/promise_worker.h"
#include "addon/tree_compare.h"
#include "addon/tree_export.h"
#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

/**
 * `findInLayers(folders from the top, path, isFollowed) → promise of [index of the folder, path in
 * it, mode, size, uid, gid] or undefined`.
 */
Napi::Value find_in_layers(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [folders = to_strings(info[0]), path = info[1].As<Napi::String>().Utf8Value(),
       is_followed = info[2].As<Napi::Boolean>().Value()] {
        return MergedView(folders).find(path, is_followed);
      },
      [](Napi::Env env, const std::optional<Found>& found) -> Napi::Value {
        if (!found) return env.Undefined();
        Napi::Array array = Napi::Array::New(env, 6);
        array.Set(0u, static_cast<double>(found->layer));
        array.Set(1u, found->path);
        array.Set(2u, found->stat.st_mode);
        array.Set(3u, static_cast<double>(found->stat.st_size));
        array.Set(4u, found->stat.st_uid);
        array.Set(5u, found->stat.st_gid);
        return array;
      });
}

/** `exportTree(folders from the top, target) → promise of how many owners, devices and attributes
 * were skipped`. */
Napi::Value export_layers(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [folders = to_strings(info[0]), target = info[1].As<Napi::String>().Utf8Value()] {
        return export_tree(folders, target);
      },
      [](Napi::Env env, const Skipped& skipped) -> Napi::Value {
        return Napi::Number::New(
            env, static_cast<double>(skipped.owners + skipped.devices + skipped.attributes));
      });
}

/** `removeTree(path) → promise of the bytes that it held on disk`. */
Napi::Value remove_path(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [path = info[0].As<Napi::String>().Utf8Value()] { return remove_tree(AT_FDCWD, path); },
      [](Napi::Env env, const uint64_t freed_bytes) {
        return Napi::Number::New(env, static_cast<double>(freed_bytes));
      });
}

/** `findDifference(folder, other) → promise of the first difference, or an empty string`. */
Napi::Value compare_trees(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [folder = info[0].As<Napi::String>().Utf8Value(),
       other = info[1].As<Napi::String>().Utf8Value()] { return find_difference(folder, other); },
      [](Napi::Env env, const std::string& difference) {
        return Napi::String::New(env, difference);
      });
}

/** `readAttributes(folder, paths in it) → promise of a list of [name, value] for each path`, links
 * not followed. */
Napi::Value read_all_attributes(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [folder = info[0].As<Napi::String>().Utf8Value(), paths = to_strings(info[1])] {
        const UniqueFd top = open_file(folder, O_RDONLY | O_DIRECTORY);
        std::vector<Attributes> found;
        found.reserve(paths.size());
        for (const std::string& path : paths) found.push_back(read_attributes_at(top.get(), path));
        return found;
      },
      [](Napi::Env env, const std::vector<Attributes>& found) -> Napi::Value {
        Napi::Array lists = Napi::Array::New(env, found.size());
        for (uint32_t at = 0; at < found.size(); ++at) {
          Napi::Array list = Napi::Array::New(env, found[at].size());
          uint32_t next = 0;
          for (const auto& [name, value] : found[at]) {
            Napi::Array pair = Napi::Array::New(env, 2);
            pair.Set(0u, name);
            pair.Set(1u, Napi::Buffer<char>::Copy(env, value.data(), value.size()));
            list.Set(next++, pair);
          }
          lists.Set(at, list);
        }
        return lists;
      });
}

/** `syncFileSystem(path) → promise`: what was written to the file system of `path` is on disk. */
Napi::Value sync_file_system(const Napi::CallbackInfo& info) {
  return run_on_worker(
      info.Env(),
      [path = info[0].As<Napi::String>().Utf8Value()] {
        const UniqueFd fd = open_file(path, O_RDONLY);
        if (::syncfs(fd.get()) < 0) throw SysError(errno, "syncfs", path);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

/** `spreadSubfolders(path) → whether the file system has been told`, see chattr(1), T. */
Napi::Value spread_subfolders(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  int flags = 0;
  bool is_told = fd && ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0;
  if (is_told && (flags & FS_TOPDIR_FL) == 0) {
    flags |= FS_TOPDIR_FL;
    is_told = ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
  }
  return Napi::Boolean::New(info.Env(), is_told);
}

}  // namespace

void init_trees(Napi::Env env, Napi::Object exports) {
  exports.Set("findInLayers", Napi::Function::New<find_in_layers>(env, "findInLayers"));
  exports.Set("exportTree", Napi::Function::New<export_layers>(env, "exportTree"));
  exports.Set("findDifference", Napi::Function::New<compare_trees>(env, "findDifference"));
  exports.Set("removeTree", Napi::Function::New<remove_path>(env, "removeTree"));
  exports.Set("readAttributes", Napi::Function::New<read_all_attributes>(env, "readAttributes"));
  exports.Set("spreadSubfolders",
              Napi::Function::New<spread_subfolders>(env, "spreadSubfolders"));
  exports.Set("syncFileSystem", Napi::Function::New<sync_file_system>(env, "syncFileSystem"));
}

}  // namespace ocup
