#include "addon/tar_reader.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "addon/layer_error.h"
#include "addon/tar_header.h"

namespace ocup {

namespace {

constexpr size_t kBlock = kTarBlockBytes;
/** Attributes of one file may take 64 KiB each; names are limited where they are used. */
constexpr uint64_t kMaxExtensionBytes = 4 << 20;
constexpr size_t kMaxExtents = 1 << 20;

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
      if (!is_zero_block(block)) {
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
      add_gnu_extents(more_extents(block));
      if (!has_more_extents(block)) start_data();
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

void TarReader::start_member(const char* block) {
  const TarHeader header(block);
  const char letter = header.letter();
  if (letter == 'x' || letter == 'X' || letter == 'g' || letter == 'L' || letter == 'K') {
    return start_extension(letter, header.size());
  }
  const std::string path =
      extension_.sparse_path ? *extension_.sparse_path : extension_.path.value_or(header.name());
  const std::optional<TarType> type = tar_type(letter, path);
  left_ = extension_.size.value_or(header.size());
  // Only files have content: what a list of a folder's names takes is passed over, and the size
  // that some archivers write for links stands for nothing.
  const bool has_list = !type || letter == 'D';
  const uint64_t passed_over = has_list ? left_ : 0;
  if (type != TarType::kFile) left_ = 0;
  skip_to_block(has_list ? passed_over : left_);
  if (!has_list) padding_ -= left_;
  if (!type) {
    extension_ = {};
    extension_type_ = 0;
    return;
  }
  read_entry(header, *type, path);
  extents_.clear();
  if (letter == 'S') return read_gnu_sparse(header);
  if (*type == TarType::kFile && extension_.is_sparse) return read_pax_sparse();
  start_data();
}

void TarReader::read_entry(const TarHeader& header, TarType type, const std::string& path) {
  entry_ = {};
  entry_.type = type;
  entry_.path = path;
  entry_.link = extension_.link.value_or(header.link());
  entry_.mode = header.mode();
  entry_.uid = extension_.uid ? *extension_.uid : header.uid();
  entry_.gid = extension_.gid ? *extension_.gid : header.gid();
  entry_.modified = extension_.modified.value_or(timespec{header.modified(), 0});
  if (type == TarType::kCharDevice || type == TarType::kBlockDevice) {
    entry_.device_major = header.device_major();
    entry_.device_minor = header.device_minor();
  }
  entry_.size = left_;
  entry_.attributes = std::move(extension_.attributes);
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

void TarReader::add_gnu_extents(std::string_view map) {
  for (size_t index = 0; const auto extent = read_extent(map, index); ++index) {
    if (extents_.size() == kMaxExtents) fail_limit("a sparse file has too many parts");
    extents_.push_back(*extent);
  }
}

void TarReader::read_gnu_sparse(const TarHeader& header) {
  entry_.is_sparse = true;
  entry_.size = header.real_size();
  add_gnu_extents(header.extents());
  if (!header.has_more_extents()) return start_data();
  state_ = State::kGnuSparseMap;
}

void TarReader::read_pax_sparse() {
  entry_.is_sparse = true;
  entry_.size = extension_.sparse_size.value_or(left_);
  if (!extension_.has_sparse_map_in_data) {
    extents_ = std::move(extension_.extents);
    return start_data();
  }
  text_.clear();
  map_.clear();
  state_ = State::kPaxSparseMap;
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
