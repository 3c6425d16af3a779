#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "addon/layer_error.h"
#include "addon/tar_reader.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "copy/archive_writer.h"
#include "copy/request.h"
#include "copy/root.h"
#include "copy/target.h"
#include "copy/tree_archiver.h"
#include "copy/tree_extractor.h"

namespace ocup::copy {

namespace {

constexpr size_t kChunkBytes = 256u << 10;

std::string base_name(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  return trimmed.substr(trimmed.find_last_of('/') + 1);
}

/** What is called by a path that has no name of its own is `.`, and so are the contents of a
 * folder. */
std::string archive_name(const std::string& path, const Target& target) {
  if (names_contents(path) || target.name == ".") return ".";
  const std::string name = base_name(path);
  return name.empty() || name == ".." ? "." : name;
}

void read_tree(const Request& request) {
  const UniqueFd root = open_root(request.root);
  const Target target = find_target(root.get(), request.path, request.follows_link);
  if (!target.exists) throw SysError(ENOENT, "stat", request.path);
  if (!target.is_folder && names_folder(request.path)) {
    throw SysError(ENOTDIR, "open", request.path);
  }
  ArchiveWriter writer(STDOUT_FILENO);
  TreeArchiver(writer).add(target, archive_name(request.path, target));
  writer.finish();
}

/** Hands all of the standard input to `take`, in parts. */
template <typename Take>
void read_input(Take take) {
  std::string chunk(kChunkBytes, '\0');
  for (;;) {
    const ssize_t count =
        retry_interrupted([&] { return ::read(STDIN_FILENO, chunk.data(), chunk.size()); });
    if (count < 0) throw SysError(errno, "read", "input");
    if (count == 0) return;
    take(std::string_view(chunk.data(), static_cast<size_t>(count)));
  }
}

void write_tree(const Request& request) {
  const UniqueFd root = open_root(request.root);
  TreeExtractor extractor(root.get(), request);
  TarReader reader(extractor);
  read_input([&](std::string_view part) { reader.push(part); });
  reader.finish();
  extractor.finish();
}

/** Whether there is nothing to remove, or a folder that something else is in or mounted on. */
bool may_stay(int error_number, bool is_folder) {
  if (error_number == ENOENT || error_number == ENOTDIR) return true;
  return is_folder && (error_number == ENOTEMPTY || error_number == EEXIST || error_number == EBUSY);
}

/** Removes a file, or a folder if it is empty. */
void remove_one(int root_fd, const std::string& path) {
  bool is_folder = false;
  try {
    const Target target = find_target(root_fd, path, false);
    is_folder = target.is_folder;
    if (!target.exists) return;
    if (::unlinkat(target.parent.get(), target.name.c_str(), is_folder ? AT_REMOVEDIR : 0) < 0) {
      throw SysError(errno, "remove", path);
    }
  } catch (const SysError& error) {
    if (!may_stay(error.error_number(), is_folder)) throw;
  }
}

void remove_paths(const Request& request) {
  const UniqueFd root = open_root(request.root);
  std::string path;
  read_input([&](std::string_view part) {
    for (const char byte : part) {
      if (byte != '\0') {
        path.push_back(byte);
        continue;
      }
      remove_one(root.get(), path);
      path.clear();
    }
  });
}

/** The error as one line of JSON, for whoever started us. */
int fail(const char* kind, int error_number, const std::string& message) {
  JsonWriter writer;
  writer.begin_object().key("kind").string(kind).key("errno").string(
      error_number == 0 ? "" : errno_name(error_number));
  const std::string line = writer.key("message").string(message).end_object().text();
  ::dprintf(STDERR_FILENO, "%s\n", line.c_str());
  return 1;
}

int run(const char* json) {
  try {
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(0);
    const Request request = parse_request(json);
    switch (request.operation) {
      case Request::Operation::kRead:
        read_tree(request);
        break;
      case Request::Operation::kWrite:
        write_tree(request);
        break;
      case Request::Operation::kRemove:
        remove_paths(request);
        break;
    }
    return 0;
  } catch (const SysError& error) {
    return fail("system", error.error_number(), error.what());
  } catch (const UserError& error) {
    return fail("refused", 0, error.what());
  } catch (const LayerError& error) {
    return fail("archive", 0, error.what());
  } catch (const std::exception& error) {
    return fail("internal", 0, error.what());
  }
}

}  // namespace

}  // namespace ocup::copy

int main(int argc, char** argv) {
  if (argc != 2) {
    ::dprintf(STDERR_FILENO, "usage: ocup-copy REQUEST, a document of JSON\n");
    return 2;
  }
  return ocup::copy::run(argv[1]);
}
