#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace ocup {

/** Marks a removed file, in front of its name. @see image-spec layer.md#whiteouts */
inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
/** Marks a folder that hides what is below it. */
inline constexpr std::string_view kOpaqueName = ".wh..wh..opq";

/** A path cut before its last name. */
struct SplitPath {
  std::string parent;
  std::string name;
};

/** `usr/lib/x` without `.`, empty names, or `/` in front; `..` is worked off. Throws LayerError
 * when it leads above the top or is too long. */
std::string clean_path(std::string_view path);

SplitPath split_path(const std::string& path);

std::string join_path(const std::string& folder, const std::string& name);

/** Puts the names in `path` in front of those that are still to walk. */
void push_names(std::deque<std::string>& names, std::string_view path);

/** Bookkeeping of AUFS, which layers carry along: no file of the image. */
bool is_bookkeeping(const std::string& path);

}  // namespace ocup
