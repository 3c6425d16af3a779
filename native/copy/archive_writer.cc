#include "copy/archive_writer.h"

#include <cstdio>
#include <cstring>

#include "addon/tar_header.h"
#include "base/file.h"

namespace ocup::copy {

namespace {

constexpr size_t kBufferBytes = 64u << 10;
constexpr size_t kNameBytes = 100;
/** What fits into the octal digits of a field. */
constexpr uint64_t kMaxId = 07777777;
constexpr uint64_t kMaxSize = 077777777777;

/** The fields of a header block. @see pax(1), "ustar Interchange Format" */
struct Block {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char modified[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6];
  char version[2];
  char user[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(Block) == kTarBlockBytes);

template <size_t Size>
void set_octal(char (&field)[Size], uint64_t number) {
  for (size_t i = Size - 1; i-- > 0; number >>= 3) {
    field[i] = static_cast<char>('0' + (number & 7));
  }
}

template <size_t Size>
void set_text(char (&field)[Size], std::string_view text) {
  std::memcpy(field, text.data(), text.size() < Size ? text.size() : Size);
}

void set_checksum(Block& block) {
  std::memset(block.checksum, ' ', sizeof block.checksum);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&block);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof block; ++i) sum += bytes[i];
  std::snprintf(block.checksum, sizeof block.checksum, "%06o", sum);
}

char letter_of(TarType type) {
  switch (type) {
    case TarType::kFile:
      return '0';
    case TarType::kHardLink:
      return '1';
    case TarType::kSymlink:
      return '2';
    case TarType::kCharDevice:
      return '3';
    case TarType::kBlockDevice:
      return '4';
    case TarType::kFolder:
      return '5';
    case TarType::kFifo:
      return '6';
  }
  return '0';
}

/** `length key=value\n`, whose length counts its own digits. */
void add_record(std::string& records, std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  records.append(std::to_string(length)).append(" ");
  records.append(key).append("=").append(value).append("\n");
}

/** What the fields of the header cannot hold. */
std::string extended_records(const TarEntry& entry, const std::string& name) {
  std::string records;
  if (name.size() > kNameBytes) add_record(records, "path", name);
  if (entry.link.size() > kNameBytes) add_record(records, "linkpath", entry.link);
  if (entry.size > kMaxSize) add_record(records, "size", std::to_string(entry.size));
  if (entry.uid > kMaxId) add_record(records, "uid", std::to_string(entry.uid));
  if (entry.gid > kMaxId) add_record(records, "gid", std::to_string(entry.gid));
  for (const auto& [key, value] : entry.attributes) {
    add_record(records, "SCHILY.xattr." + key, value);
  }
  return records;
}

}  // namespace

void ArchiveWriter::begin(const TarEntry& entry) {
  const char letter = letter_of(entry.type);
  const std::string name = entry.type == TarType::kFolder ? entry.path + "/" : entry.path;
  const std::string records = extended_records(entry, name);
  if (!records.empty()) {
    TarEntry extension;
    extension.mode = 0644;
    extension.size = records.size();
    extension.modified = entry.modified;
    write_header(extension, 'x', "PaxHeaders/" + name.substr(0, kNameBytes - 20));
    write(records);
    pad();
  }
  write_header(entry, letter, name);
}

void ArchiveWriter::write_header(const TarEntry& entry, char type, const std::string& name) {
  Block block = {};
  set_text(block.name, name);
  set_octal(block.mode, entry.mode & 07777);
  set_octal(block.uid, entry.uid > kMaxId ? 0 : entry.uid);
  set_octal(block.gid, entry.gid > kMaxId ? 0 : entry.gid);
  set_octal(block.size, entry.size > kMaxSize ? 0 : entry.size);
  set_octal(block.modified,
            entry.modified.tv_sec < 0 ? 0 : static_cast<uint64_t>(entry.modified.tv_sec));
  block.type = type;
  set_text(block.link, entry.link);
  set_text(block.magic, "ustar");
  std::memcpy(block.version, "00", sizeof block.version);
  set_octal(block.major, entry.device_major);
  set_octal(block.minor, entry.device_minor);
  set_checksum(block);
  write({reinterpret_cast<const char*>(&block), sizeof block});
  member_bytes_ = 0;
}

void ArchiveWriter::data(std::string_view bytes) { write(bytes); }

void ArchiveWriter::end() { pad(); }

void ArchiveWriter::finish() {
  write(std::string(2 * kTarBlockBytes, '\0'));
  flush();
}

void ArchiveWriter::write(std::string_view bytes) {
  member_bytes_ += bytes.size();
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void ArchiveWriter::pad() {
  const size_t over = member_bytes_ % kTarBlockBytes;
  if (over > 0) write(std::string(kTarBlockBytes - over, '\0'));
  member_bytes_ = 0;
}

void ArchiveWriter::flush() {
  write_all(fd_, buffer_, "archive");
  buffer_.clear();
}

}  // namespace ocup::copy
