#include "addon/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace ocup {

namespace {

/** Smaller files are written faster through the page cache, and are those that are read first. */
constexpr uint64_t kDirectBytes = 256 * 1024;
/** Archives keep content at multiples of this, and so does the memory that they are read from. */
constexpr size_t kSector = 512;

/** Whether the file takes direct writes of whole sectors. @see man 2 statx, STATX_DIOALIGN
 * (Linux 6.1) */
bool takes_sectors(int fd) {
  struct statx stat = {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stat) < 0) return false;
  const bool is_told = (stat.stx_mask & STATX_DIOALIGN) != 0 && stat.stx_dio_mem_align != 0;
  return is_told && stat.stx_dio_mem_align <= kSector && stat.stx_dio_offset_align <= kSector;
}

}  // namespace

FileWriter::FileWriter(UniqueFd fd, uint64_t size) : fd_(std::move(fd)) {
  if (size < kDirectBytes || !takes_sectors(fd_.get())) return;
  direct_end_ = size / kDirectAlignment * kDirectAlignment;
  turn_direct(true);
}

void FileWriter::write(uint64_t offset, std::string_view bytes, const std::string& path) {
  const size_t direct = is_direct_ ? direct_part(offset, bytes) : 0;
  if (direct > 0) write_all_at(offset, bytes.substr(0, direct), path);
  if (direct == bytes.size()) return;
  if (is_direct_) turn_direct(false);
  write_all_at(offset + direct, bytes.substr(direct), path);
}

/** How many of the bytes may go straight to the disk. */
size_t FileWriter::direct_part(uint64_t offset, std::string_view bytes) {
  const bool is_aligned =
      offset % kSector == 0 && reinterpret_cast<uintptr_t>(bytes.data()) % kSector == 0;
  if (!is_aligned || offset >= direct_end_) return 0;
  const uint64_t count = std::min<uint64_t>(bytes.size(), direct_end_ - offset);
  return static_cast<size_t>(count / kSector * kSector);
}

void FileWriter::turn_direct(bool is_direct) {
  // Refused where the file system cannot: then it stays as it is.
  const int flags = is_direct ? O_DIRECT : 0;
  is_direct_ = ::fcntl(fd_.get(), F_SETFL, flags) == 0 && is_direct;
}

void FileWriter::write_all_at(uint64_t offset, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = retry_interrupted([&] {
      return ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (written < 0 && errno == EINVAL && is_direct_) {
      turn_direct(false);
      continue;
    }
    if (written < 0) throw SysError(errno, "write", path);
    offset += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace ocup
