#include "addon/tar_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "addon/layer_error.h"

namespace ocup {

namespace {

constexpr size_t kBlock = 512;
/** Attributes of one file may take 64 KiB each; names are limited where they are used. */
constexpr uint64_t kMaxExtensionBytes = 4 << 20;
constexpr size_t kMaxExtents = 1 << 20;

struct Field {
  size_t offset;
  size_t length;
};

constexpr Field kName = {0, 100}, kMode = {100, 8}, kUid = {108, 8}, kGid = {116, 8},
                kSize = {124, 12};
constexpr Field kModified = {136, 12}, kChecksum = {148, 8}, kLink = {157, 100}, kMagic = {257, 8};
constexpr Field kMajor = {329, 8}, kMinor = {337, 8}, kPrefix = {345, 155};
constexpr size_t kTypeOffset = 156;
constexpr size_t kSparseOffset = 386, kSparseCount = 4, kSparseMore = 482, kSparseNext = 504;
constexpr Field kRealSize = {483, 12};
constexpr size_t kExtentBytes = 24, kExtentsInBlock = 21;

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

bool is_zero(const char* block) {
  return std::all_of(block, block + kBlock, [](char c) { return c == '\0'; });
}

/** Sums of bytes with and without sign are both in use. */
void check_sum(const char* header) {
  int64_t plain = 0;
  int64_t with_sign = 0;
  for (size_t i = 0; i < kBlock; ++i) {
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

std::string full_name(const char* header) {
  const std::string_view name = text_field(header, kName);
  const bool is_ustar = std::memcmp(header + kMagic.offset, "ustar\0", 6) == 0;
  const std::string_view prefix = is_ustar ? text_field(header, kPrefix) : std::string_view();
  if (prefix.empty()) return std::string(name);
  return std::string(prefix).append("/").append(name);
}

/** Undefined for a kind of member that carries no file. */
std::optional<TarType> type_of(char letter, const std::string& path) {
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

}  // namespace

void TarReader::push(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::kEnd) {
    if (state_ == State::kData) {
      bytes.remove_prefix(take_data(bytes));
      continue;
    }
    if (state_ == State::kPadding) {
      const size_t count = std::min<uint64_t>(padding_, bytes.size());
      padding_ -= count;
      bytes.remove_prefix(count);
      if (padding_ == 0) state_ = State::kHeader;
      continue;
    }
    if (partial_.empty() && bytes.size() >= kBlock) {
      take_block(bytes.data());
      bytes.remove_prefix(kBlock);
      continue;
    }
    const size_t count = std::min(kBlock - partial_.size(), bytes.size());
    partial_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    if (partial_.size() < kBlock) continue;
    const std::string block = std::move(partial_);
    partial_.clear();
    take_block(block.data());
  }
}

void TarReader::finish() {
  const bool is_between = state_ == State::kHeader && partial_.empty() && extension_type_ == 0;
  if (!is_between && state_ != State::kEnd && state_ != State::kPadding) {
    fail_format("archive ends early");
  }
}

void TarReader::take_block(const char* block) {
  switch (state_) {
    case State::kHeader:
      if (!is_zero(block)) {
        if (zero_blocks_ > 0) fail_format("not a tar archive, or a header is damaged");
        start_member(block);
      } else if (++zero_blocks_ == 2) {
        state_ = State::kEnd;
      }
      return;
    case State::kExtension: {
      const size_t count = std::min<uint64_t>(left_, kBlock);
      text_.append(block, count);
      left_ -= count;
      if (left_ == 0) finish_extension();
      return;
    }
    case State::kGnuSparseMap:
      add_gnu_extents(block, kExtentsInBlock);
      if (block[kSparseNext] == 0) start_data();
      return;
    case State::kPaxSparseMap:
      if (left_ < kBlock) fail_format("map of a sparse file is damaged");
      left_ -= kBlock;
      if (add_map_block({block, kBlock})) start_data();
      return;
    default:
      return;
  }
}

void TarReader::start_member(const char* header) {
  check_sum(header);
  const char letter = header[kTypeOffset];
  const uint64_t size = parse_size(field(header, kSize));
  if (letter == 'x' || letter == 'X' || letter == 'g' || letter == 'L' || letter == 'K') {
    return start_extension(letter, size);
  }
  const std::string path = extension_.sparse_path ? *extension_.sparse_path
                                                  : extension_.path.value_or(full_name(header));
  const std::optional<TarType> type = type_of(letter, path);
  left_ = extension_.size.value_or(size);
  if (!type) {
    extension_ = {};
    extension_type_ = 0;
    return skip_to_block(left_);
  }
  entry_ = {};
  entry_.type = *type;
  entry_.path = path;
  entry_.link = extension_.link.value_or(std::string(text_field(header, kLink)));
  entry_.mode = static_cast<uint32_t>(parse_number(field(header, kMode), "mode")) & 07777;
  entry_.uid = extension_.uid ? *extension_.uid : parse_u32(field(header, kUid), "uid");
  entry_.gid = extension_.gid ? *extension_.gid : parse_u32(field(header, kGid), "gid");
  entry_.modified = extension_.modified.value_or(
      timespec{static_cast<time_t>(parse_number(field(header, kModified), "mtime")), 0});
  if (*type == TarType::kCharDevice || *type == TarType::kBlockDevice) {
    entry_.device_major = parse_u32(field(header, kMajor), "device number");
    entry_.device_minor = parse_u32(field(header, kMinor), "device number");
  }
  entry_.attributes = std::move(extension_.attributes);
  // Only files have content; some archivers write a size for links all the same.
  const uint64_t unused = letter == 'D' ? left_ : 0;
  if (*type != TarType::kFile) left_ = 0;
  skip_to_block(unused == 0 ? left_ : unused);
  padding_ -= unused == 0 ? left_ : 0;
  entry_.size = left_;
  extents_.clear();
  if (letter == 'S') return read_gnu_sparse(header);
  if (*type == TarType::kFile && extension_.is_sparse) {
    entry_.is_sparse = true;
    entry_.size = extension_.sparse_size.value_or(left_);
    extents_ = std::move(extension_.extents);
    if (extension_.has_sparse_map_in_data) {
      extents_.clear();
      text_.clear();
      map_.clear();
      state_ = State::kPaxSparseMap;
      return;
    }
  }
  start_data();
}

void TarReader::start_extension(char type, uint64_t size) {
  if (size > kMaxExtensionBytes) fail_limit("an extended header is larger than 4 MiB");
  extension_type_ = type;
  text_.clear();
  left_ = size;
  state_ = State::kExtension;
  if (left_ == 0) finish_extension();
}

void TarReader::finish_extension() {
  state_ = State::kHeader;
  // Global headers carry facts about the archive, such as a commit; nothing in them is about a
  // file.
  if (extension_type_ == 'g') {
    extension_type_ = 0;
  } else if (extension_type_ == 'L') {
    extension_.path = text_.substr(0, text_.find('\0'));
  } else if (extension_type_ == 'K') {
    extension_.link = text_.substr(0, text_.find('\0'));
  } else {
    extension_.add_records(text_);
  }
  text_.clear();
}

void TarReader::add_gnu_extents(const char* extents, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const char* const place = extents + i * kExtentBytes;
    if (place[0] == '\0') return;
    if (extents_.size() == kMaxExtents) fail_limit("a sparse file has too many parts");
    extents_.push_back({parse_size({place, 12}), parse_size({place + 12, 12})});
  }
}

void TarReader::read_gnu_sparse(const char* header) {
  entry_.is_sparse = true;
  entry_.size = parse_size(field(header, kRealSize));
  add_gnu_extents(header + kSparseOffset, kSparseCount);
  if (header[kSparseMore] == 0) return start_data();
  state_ = State::kGnuSparseMap;
}

/** Decimal numbers, a line each: how many parts, then offset and length of each. True: complete. */
bool TarReader::add_map_block(std::string_view block) {
  text_.append(block);
  size_t at = 0;
  for (size_t newline = text_.find('\n'); newline != std::string::npos;
       newline = text_.find('\n', at)) {
    map_.push_back(parse_decimal(std::string_view(text_).substr(at, newline - at), "sparse map"));
    at = newline + 1;
    if (map_[0] > kMaxExtents) fail_limit("a sparse file has too many parts");
    if (map_.size() < 1 + 2 * map_[0]) continue;
    for (size_t i = 1; i < map_.size(); i += 2) extents_.push_back({map_[i], map_[i + 1]});
    return true;
  }
  text_.erase(0, at);
  if (text_.size() > kBlock) fail_format("map of a sparse file is damaged");
  return false;
}

void TarReader::start_data() {
  if (entry_.is_sparse) {
    check_extents(extents_, entry_.size);
    uint64_t total = 0;
    for (const Extent& extent : extents_) total += extent.length;
    if (total != left_) fail_format("map of a sparse file does not fit its data");
  } else {
    extents_.assign(1, {0, left_});
  }
  extension_ = {};
  extension_type_ = 0;
  extent_ = 0;
  done_in_extent_ = 0;
  sink_.begin(entry_);
  state_ = State::kData;
  if (left_ == 0) finish_member();
}

size_t TarReader::take_data(std::string_view bytes) {
  while (extents_[extent_].length == done_in_extent_) {
    extent_ += 1;
    done_in_extent_ = 0;
  }
  const Extent& extent = extents_[extent_];
  const size_t count = std::min<uint64_t>(extent.length - done_in_extent_, bytes.size());
  sink_.data(extent.offset + done_in_extent_, bytes.substr(0, count));
  done_in_extent_ += count;
  left_ -= count;
  if (left_ == 0) finish_member();
  return count;
}

void TarReader::finish_member() {
  sink_.end();
  state_ = padding_ == 0 ? State::kHeader : State::kPadding;
}

void TarReader::skip_to_block(uint64_t size) {
  if (size > std::numeric_limits<uint64_t>::max() - kBlock) fail_format("size is too large");
  padding_ = (size + kBlock - 1) / kBlock * kBlock;
  state_ = padding_ == 0 ? State::kHeader : State::kPadding;
}

}  // namespace ocup
