#include "addon/blob_file.h"

#include <fcntl.h>

#include <algorithm>
#include <limits>

#include "base/file.h"

namespace ocup {

void BlobFile::open(const std::string& path) {
  path_ = path;
  block_ = make_block();
  offset_ = 0;
  file_ = FileWriter(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0644), FileWriter::kUnknownSize);
}

void BlobFile::append(std::string_view bytes) {
  while (file_ && !bytes.empty()) {
    const size_t count = std::min(bytes.size(), kBlockBytes - block_.length);
    std::memcpy(block_.data.get() + block_.length, bytes.data(), count);
    block_.length += count;
    bytes.remove_prefix(count);
    if (block_.length == kBlockBytes) flush();
  }
}

void BlobFile::finish() {
  if (file_) flush();
  reset();
}

void BlobFile::reset() {
  file_.reset();
  block_ = {};
}

void BlobFile::flush() {
  file_.write(offset_, block_.bytes(), path_);
  offset_ += block_.length;
  block_.length = 0;
}

}  // namespace ocup
