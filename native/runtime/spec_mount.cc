#include <sys/mount.h>

#include <algorithm>
#include <string_view>

#include "runtime/spec.h"

namespace ocup {

namespace {

/** An option that changes an attribute of the mount: `set` is turned on, `clear` is turned off. */
struct AttributeOption {
  const char* name;
  uint64_t set;
  uint64_t clear;
};

// The access-time modes share bits that are changed together: whoever sets one clears the field
// first.
constexpr AttributeOption kAttributes[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
};

struct PropagationOption {
  const char* name;
  unsigned long flags;
};

constexpr PropagationOption kPropagation[] = {
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

void change(uint64_t& set, uint64_t& clear, const AttributeOption& option) {
  set = (set & ~option.clear) | option.set;
  clear = (clear & ~option.set) | option.clear;
}

bool take_attribute(std::string_view text, MountOptions& options) {
  for (const auto& option : kAttributes) {
    if (text == option.name) {
      change(options.set, options.clear, option);
      return true;
    }
    if (text.size() > 1 && text.front() == 'r' && text.substr(1) == option.name) {
      change(options.recursive_set, options.recursive_clear, option);
      return true;
    }
  }
  return false;
}

bool take_propagation(std::string_view text, MountOptions& options) {
  for (const auto& option : kPropagation) {
    if (text != option.name) continue;
    options.propagation.push_back(option.flags);
    return true;
  }
  return false;
}

/** Options of the super block that are also mount(2) flags: a bind mount has no super block of its
 * own. */
bool is_super_block_flag(std::string_view text) {
  return text == "sync" || text == "async" || text == "dirsync" || text == "lazytime" ||
         text == "nolazytime" || text == "iversion" || text == "noiversion" || text == "mand" ||
         text == "nomand" || text == "silent" || text == "loud" || text == "defaults";
}

void take_option(const JsonNode& node, const std::string& text, MountOptions& options) {
  if (text == "bind" || text == "rbind") {
    options.is_bind = true;
    options.is_recursive = text == "rbind";
  } else if (text == "tmpcopyup") {
    options.copies_up = true;
  } else if (text == "idmap" || text == "ridmap") {
    options.is_id_mapped = true;
    options.is_id_mapped_recursively = text == "ridmap";
  } else if (text == "remount" || text == "defaults" || text == "async" || text == "loud" ||
             text == "silent" || text.empty()) {
    return;
  } else if (text == "ro" || text == "rw") {
    // Like mount(2), a new file system gets it both for itself and for this mount of it.
    take_attribute(text, options);
    std::erase_if(options.data, [](const auto& item) { return item == "ro" || item == "rw"; });
    if (text == "ro") options.data.push_back(text);
  } else if (!take_propagation(text, options) && !take_attribute(text, options)) {
    options.data.push_back(text);
  }
}

}  // namespace

MountOptions parse_mount_options(const JsonNode& list, const std::string& type) {
  MountOptions options;
  options.is_bind = type == "bind";
  list.each([&](const JsonNode& node) { take_option(node, node.string(), options); });
  if (!options.is_bind) return options;
  list.each([&](const JsonNode& node) {
    for (const auto& item : options.data) {
      const bool is_known = is_super_block_flag(item) || item == "ro";
      if (item == node.string() && !is_known) node.fail("unknown option \"" + item + "\"");
    }
  });
  options.data.clear();
  return options;
}

std::vector<std::string> known_mount_options() {
  std::vector<std::string> names = {"async",  "bind",       "defaults",  "dirsync",  "lazytime",
                                    "mand",   "nolazytime", "nomand",    "rbind",    "remount",
                                    "silent", "sync",       "tmpcopyup", "iversion", "noiversion",
                                    "loud",   "idmap",      "ridmap"};
  for (const auto& option : kAttributes) {
    names.emplace_back(option.name);
    names.push_back(std::string("r") + option.name);
  }
  for (const auto& option : kPropagation) names.emplace_back(option.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ocup
