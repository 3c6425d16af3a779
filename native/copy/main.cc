#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

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

void write_tree(const Request& request) {
  const UniqueFd root = open_root(request.root);
  TreeExtractor extractor(root.get(), request);
  TarReader reader(extractor);
  std::string chunk(kChunkBytes, '\0');
  for (;;) {
    const ssize_t count =
        retry_interrupted([&] { return ::read(STDIN_FILENO, chunk.data(), chunk.size()); });
    if (count < 0) throw SysError(errno, "read", "archive");
    if (count == 0) break;
    reader.push({chunk.data(), static_cast<size_t>(count)});
  }
  reader.finish();
  extractor.finish();
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
    if (request.operation == Request::Operation::kRead) {
      read_tree(request);
    } else {
      write_tree(request);
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
