#include "addon/tar_header.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "addon/layer_error.h"

namespace ocup {

namespace {

struct Field {
  size_t offset;
  size_t length;
};

constexpr Field kName = {0, 100}, kMode = {100, 8}, kUid = {108, 8}, kGid = {116, 8},
                kSize = {124, 12};
constexpr Field kModified = {136, 12}, kChecksum = {148, 8}, kLink = {157, 100}, kMagic = {257, 8};
constexpr Field kMajor = {329, 8}, kMinor = {337, 8}, kPrefix = {345, 155};
constexpr size_t kTypeOffset = 156;
constexpr size_t kSparseMore = 482, kSparseNext = 504;
constexpr Field kSparse = {386, 96}, kRealSize = {483, 12};
constexpr size_t kExtentBytes = 24;

std::string_view field(const char* header, Field place) {
  return {header + place.offset, place.length};
}

std::string_view text_field(const char* header, Field place) {
  const std::string_view bytes = field(header, place);
  return bytes.substr(0, bytes.find('\0'));
}

/** Octal digits between blanks, or, if the first bit is set, two's complement. */
int64_t parse_number(std::string_view bytes, const char* what) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  if ((first & 0x80) != 0) {
    const bool is_negative = (first & 0x40) != 0;
    uint64_t number = is_negative ? ~uint64_t{0} : 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      const auto byte =
          static_cast<unsigned char>(i == 0 ? (is_negative ? first : first & 0x3f) : bytes[i]);
      const uint64_t lost = number >> 55;
      if (i > 0 && lost != (is_negative ? 0x1ffu : 0u))
        fail_format(std::string(what) + " is too large");
      number = number << 8 | byte;
    }
    return static_cast<int64_t>(number);
  }
  uint64_t number = 0;
  size_t at = bytes.find_first_not_of(std::string_view(" \0", 2));
  if (at == std::string_view::npos) return 0;
  for (; at < bytes.size() && bytes[at] != ' ' && bytes[at] != '\0'; ++at) {
    if (bytes[at] < '0' || bytes[at] > '7') fail_format(std::string(what) + " is no number");
    number = number << 3 | static_cast<uint64_t>(bytes[at] - '0');
  }
  return static_cast<int64_t>(number);
}

uint64_t parse_size(std::string_view bytes) {
  const int64_t size = parse_number(bytes, "size");
  if (size < 0) fail_format("size is negative");
  return static_cast<uint64_t>(size);
}

uint32_t parse_u32(std::string_view bytes, const char* what) {
  const int64_t number = parse_number(bytes, what);
  if (number < 0 || number > std::numeric_limits<uint32_t>::max()) {
    fail_format(std::string(what) + " is out of range");
  }
  return static_cast<uint32_t>(number);
}

/** Sums of bytes with and without sign are both in use. */
void check_sum(const char* header) {
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < kTarBlockBytes; ++i) {
    const bool is_sum = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.length;
    const char c = is_sum ? ' ' : header[i];
    plain += static_cast<unsigned char>(c);
    with_sign += static_cast<signed char>(c);
  }
  const std::string_view digits = field(header, kChecksum);
  const bool is_number =
      digits.find_first_not_of(std::string_view("01234567 \0", 10)) == digits.npos;
  const int64_t sum = is_number ? parse_number(digits, "checksum") : -1;
  if (!is_number || (sum != plain && sum != with_sign)) {
    fail_format("not a tar archive, or a header is damaged");
  }
}

}  // namespace

bool is_zero_block(const char* block) {
  return std::all_of(block, block + kTarBlockBytes, [](char c) { return c == '\0'; });
}

TarHeader::TarHeader(const char* block) : block_(block) { check_sum(block); }

char TarHeader::letter() const { return block_[kTypeOffset]; }

std::string TarHeader::name() const {
  const std::string_view name = text_field(block_, kName);
  const bool is_ustar = std::memcmp(block_ + kMagic.offset, "ustar\0", 6) == 0;
  const std::string_view prefix = is_ustar ? text_field(block_, kPrefix) : std::string_view();
  if (prefix.empty()) return std::string(name);
  return std::string(prefix).append("/").append(name);
}

std::string TarHeader::link() const { return std::string(text_field(block_, kLink)); }

uint32_t TarHeader::mode() const {
  return static_cast<uint32_t>(parse_number(field(block_, kMode), "mode")) & 07777;
}

uint32_t TarHeader::uid() const { return parse_u32(field(block_, kUid), "uid"); }

uint32_t TarHeader::gid() const { return parse_u32(field(block_, kGid), "gid"); }

uint64_t TarHeader::size() const { return parse_size(field(block_, kSize)); }

int64_t TarHeader::modified() const { return parse_number(field(block_, kModified), "mtime"); }

uint32_t TarHeader::device_major() const {
  return parse_u32(field(block_, kMajor), "device number");
}

uint32_t TarHeader::device_minor() const {
  return parse_u32(field(block_, kMinor), "device number");
}

uint64_t TarHeader::real_size() const { return parse_size(field(block_, kRealSize)); }

std::string_view TarHeader::extents() const { return field(block_, kSparse); }

bool TarHeader::has_more_extents() const { return block_[kSparseMore] != 0; }

std::optional<TarType> tar_type(char letter, const std::string& path) {
  switch (letter) {
    case '\0':
    case '0':
    case '7':
    case 'S':
      // Before ustar, a slash at the end of the name was what made a folder.
      return path.ends_with('/') ? TarType::kFolder : TarType::kFile;
    case '1':
      return TarType::kHardLink;
    case '2':
      return TarType::kSymlink;
    case '3':
      return TarType::kCharDevice;
    case '4':
      return TarType::kBlockDevice;
    case '5':
    case 'D':
      return TarType::kFolder;
    case '6':
      return TarType::kFifo;
    case 'V':
      return std::nullopt;
    default:
      fail_format(std::string("archive member ") + path + " is of unknown type " + letter);
  }
}

std::string_view more_extents(const char* block) { return {block, kSparseNext}; }

bool has_more_extents(const char* block) { return block[kSparseNext] != 0; }

std::optional<Extent> read_extent(std::string_view map, size_t index) {
  if ((index + 1) * kExtentBytes > map.size()) return std::nullopt;
  const std::string_view place = map.substr(index * kExtentBytes, kExtentBytes);
  if (place[0] == '\0') return std::nullopt;
  return Extent{parse_size(place.substr(0, 12)), parse_size(place.substr(12))};
}

}  // namespace ocup
