#include "addon/tar_extended.h"

#include <charconv>
#include <limits>

#include "addon/layer_error.h"

namespace ocup {

namespace {

constexpr std::string_view kAttribute = "SCHILY.xattr.";
constexpr std::string_view kSparse = "GNU.sparse.";

uint32_t parse_id(std::string_view text, std::string_view what) {
  const uint64_t id = parse_decimal(text, what);
  if (id > std::numeric_limits<uint32_t>::max()) fail_format(std::string(what) + " is too large");
  return static_cast<uint32_t>(id);
}

/** `-12.345`: seconds with any number of decimals. */
timespec parse_time(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const uint64_t seconds = parse_decimal(text.substr(0, point), "mtime");
  if (seconds > std::numeric_limits<int64_t>::max()) fail_format("mtime is too large");
  long nanoseconds = 0;
  if (point != std::string_view::npos) {
    std::string digits(text.substr(point + 1, 9));
    if (digits.find_first_not_of("0123456789") != std::string::npos)
      fail_format("mtime is no number");
    digits.resize(9, '0');
    nanoseconds = static_cast<long>(parse_decimal(digits, "mtime"));
  }
  if (!is_negative) return {static_cast<time_t>(seconds), nanoseconds};
  if (nanoseconds == 0) return {-static_cast<time_t>(seconds), 0};
  return {-static_cast<time_t>(seconds) - 1, 1'000'000'000 - nanoseconds};
}

std::string without_nul(std::string_view value, std::string_view key) {
  if (value.find('\0') != std::string_view::npos) {
    fail_format("pax record " + std::string(key) + " holds a NUL byte");
  }
  return std::string(value);
}

}  // namespace

uint64_t parse_decimal(std::string_view text, std::string_view what) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) fail_format(std::string(what) + " is no number");
  return number;
}

void check_extents(const std::vector<Extent>& extents, uint64_t size) {
  uint64_t at = 0;
  for (const Extent& extent : extents) {
    if (extent.offset < at || extent.offset > size || extent.length > size - extent.offset) {
      fail_format("map of a sparse file is damaged");
    }
    at = extent.offset + extent.length;
  }
}

void TarExtension::add_records(std::string_view text) {
  while (!text.empty()) {
    const size_t space = text.find(' ');
    if (space == std::string_view::npos) fail_format("pax record has no length");
    const uint64_t length = parse_decimal(text.substr(0, space), "length of a pax record");
    if (length <= space + 1 || length > text.size() || text[length - 1] != '\n') {
      fail_format("length of a pax record is wrong");
    }
    const std::string_view record = text.substr(space + 1, length - space - 2);
    const size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) fail_format("pax record has no key");
    add(record.substr(0, equals), record.substr(equals + 1));
    text.remove_prefix(length);
  }
}

void TarExtension::add(std::string_view key, std::string_view value) {
  if (key.starts_with(kAttribute)) {
    attributes.emplace_back(without_nul(key.substr(kAttribute.size()), key), value);
    return;
  }
  if (key.starts_with(kSparse)) return add_sparse(key.substr(kSparse.size()), value);
  // An empty value takes back what an earlier record or a global header said.
  const bool is_empty = value.empty();
  if (key == "path") {
    path = is_empty ? std::optional<std::string>() : without_nul(value, key);
  } else if (key == "linkpath") {
    link = is_empty ? std::optional<std::string>() : without_nul(value, key);
  } else if (key == "size") {
    size = is_empty ? std::optional<uint64_t>() : parse_decimal(value, "size");
  } else if (key == "uid") {
    uid = is_empty ? std::optional<uint32_t>() : parse_id(value, "uid");
  } else if (key == "gid") {
    gid = is_empty ? std::optional<uint32_t>() : parse_id(value, "gid");
  } else if (key == "mtime") {
    modified = is_empty ? std::optional<timespec>() : parse_time(value);
  }
}

void TarExtension::add_sparse(std::string_view key, std::string_view value) {
  is_sparse = true;
  if (key == "name") {
    sparse_path = without_nul(value, key);
  } else if (key == "size" || key == "realsize") {
    sparse_size = parse_decimal(value, "size of a sparse file");
  } else if (key == "major") {
    has_sparse_map_in_data = value == "1";
  } else if (key == "offset") {
    extents.push_back({parse_decimal(value, "sparse offset"), 0});
  } else if (key == "numbytes") {
    if (extents.empty()) fail_format("map of a sparse file is damaged");
    extents.back().length = parse_decimal(value, "sparse length");
  } else if (key == "map") {
    bool is_offset = true;
    for (size_t comma = 0; comma != std::string_view::npos; is_offset = !is_offset) {
      comma = value.find(',');
      const uint64_t number = parse_decimal(value.substr(0, comma), "sparse map");
      if (is_offset)
        extents.push_back({number, 0});
      else
        extents.back().length = number;
      if (comma != std::string_view::npos) value.remove_prefix(comma + 1);
    }
    if (!is_offset) fail_format("map of a sparse file is damaged");
  }
}

}  // namespace ocup
