#include "addon/layer_path.h"

#include <climits>
#include <vector>

#include "addon/layer_error.h"

namespace ocup {

namespace {

constexpr std::string_view kMetadataPrefix = ".wh..wh.";

}  // namespace

std::string clean_path(std::string_view path) {
  std::vector<std::string_view> names;
  size_t length = 0;
  for (std::string_view rest = path; !rest.empty();) {
    const size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      names.push_back(name);
      length += name.size() + 1;
      if (length >= PATH_MAX) fail_limit("a name in the layer is longer than 4095 bytes");
      continue;
    }
    if (names.empty())
      fail_format("a name in the layer leads out of it: " + std::string(path.substr(0, 256)));
    length -= names.back().size() + 1;
    names.pop_back();
  }
  std::string result;
  for (const std::string_view name : names) result.append(result.empty() ? "" : "/").append(name);
  return result;
}

SplitPath split_path(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

std::string join_path(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

void push_names(std::deque<std::string>& names, std::string_view path) {
  std::vector<std::string> found;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (!name.empty() && name != ".") found.emplace_back(name);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  names.insert(names.begin(), found.begin(), found.end());
}

bool is_bookkeeping(const std::string& path) {
  const size_t at = path.starts_with(kMetadataPrefix) ? 0 : path.find("/.wh..wh.");
  if (at == std::string::npos) return false;
  return std::string_view(path).substr(at == 0 ? 0 : at + 1) != kOpaqueName;
}

}  // namespace ocup
