#include "test/layer_fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "addon/decompressor.h"
#include "addon/folder_entries.h"
#include "addon/layer_error.h"
#include "addon/layer_settle.h"
#include "addon/layer_tree.h"
#include "addon/tar_reader.h"
#include "base/error.h"

namespace ocup {

namespace {

/** Small enough that a bomb ends soon. */
constexpr LayerLimits kLimits = {8 << 20, 2000};

bool expects(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const LayerError&) {
    return true;
  } catch (const SysError&) {
    return true;  // such as a name that is too long for the file system
  } catch (const Cancelled&) {
    return true;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "unexpected: %s\n", error.what());
    return false;
  }
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "INVARIANT broken: %s\n", what);
  std::abort();
}

/** As in the pipeline: one thread expands, the other reads the archive and writes files. */
void unpack(std::string_view bytes, const std::string& target, const std::string& below) {
  BlockChannel blocks;
  std::exception_ptr failure;
  std::thread expanding([&] {
    try {
      BlockWriter writer(blocks);
      const auto decompressor = make_decompressor();
      // In two pieces: where the first ends is up to the input.
      const size_t cut =
          bytes.empty() ? 0 : static_cast<unsigned char>(bytes.back()) % bytes.size();
      decompressor->push(bytes.substr(0, cut), writer);
      decompressor->push(bytes.substr(cut), writer);
      decompressor->finish();
      writer.flush();
      blocks.end();
    } catch (...) {
      failure = std::current_exception();
      blocks.cancel();
    }
  });
  std::exception_ptr own;
  try {
    LayerTree tree(target, below.empty(), kLimits);
    TarReader archive(tree);
    for (Block block; blocks.receive(block); blocks.give_back(std::move(block))) {
      archive.push(block.bytes());
    }
    archive.finish();
    tree.finish();
    std::vector<std::string> layers;
    if (!below.empty()) layers.push_back(below);
    settle_layer(tree, target, layers);
    if (tree.entries() > kLimits.entries || tree.bytes() > kLimits.bytes) fail("limits hold");
  } catch (...) {
    own = std::current_exception();
    blocks.cancel();
  }
  expanding.join();
  if ((failure && !expects(failure)) || (own && !expects(own))) std::abort();
}

}  // namespace

void fuzz_layer(std::string_view bytes) {
  if (::mkdir("/layer", 0755) < 0) fail("the last layer was removed");
  // The first byte says whether there is something below; it is the input's own otherwise.
  const bool has_below = !bytes.empty() && (static_cast<unsigned char>(bytes.front()) & 1) != 0;
  unpack(bytes.empty() ? bytes : bytes.substr(1), "/layer", has_below ? "/below" : "");
  remove_tree(AT_FDCWD, "/layer");
  // INVARIANT: nothing is written outside the folder of the layer.
  if (list_folder(AT_FDCWD, "/") != std::vector<std::string>{"below", "proc"}) {
    fail("nothing is written outside the layer");
  }
}

}  // namespace ocup

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  ocup::fuzz_layer({reinterpret_cast<const char*>(data), size});
  return 0;
}
