#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ocup {

/** A part of a sparse file that holds data. */
struct Extent {
  uint64_t offset;
  uint64_t length;
};

enum class TarType { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kFolder, kFifo };

/** What the headers of one member of an archive say, in whatever dialect they are written. */
struct TarEntry {
  TarType type = TarType::kFile;
  std::string path;
  /** Target of a link. */
  std::string link;
  /** Permission bits with set-id and sticky. */
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  timespec modified = {};
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  /** Of a file, holes included. */
  uint64_t size = 0;
  bool is_sparse = false;
  std::vector<std::pair<std::string, std::string>> attributes;
};

/** Takes the members of an archive in their order. */
class TarSink {
 public:
  virtual ~TarSink() = default;

  virtual void begin(const TarEntry& entry) = 0;
  /** Content of the file that began last, in ascending order; what is between is a hole. */
  virtual void data(uint64_t offset, std::string_view bytes) = 0;
  /** The member is complete. */
  virtual void end() = 0;
};

}  // namespace ocup
