#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "addon/file_writer.h"
#include "addon/memory_block.h"

namespace ocup {

/** The file that a blob is written to as it comes in, in pieces large enough for direct writes. */
class BlobFile {
 public:
  /** Makes the file, which must not be there. Throws SysError. */
  void open(const std::string& path);

  /** Does nothing when it is not open. Throws SysError. */
  void append(std::string_view bytes);

  /** Writes what is left and closes the file. Throws SysError. */
  void finish();

  /** Closes it as it is. */
  void reset();

 private:
  void flush();

  std::string path_;
  FileWriter file_;
  Block block_;
  uint64_t offset_ = 0;
};

}  // namespace ocup
