#include "shim/root_mount.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ocup::shim {

namespace {

std::string root_path(const ShimConfig& config) { return config.bundle + "/rootfs"; }

/** Whether all user ids are ours: elsewhere overlayfs may not use trusted.* attributes. */
bool is_in_first_user_namespace() {
  const std::string map = read_file("/proc/self/uid_map");
  unsigned inside = 0;
  unsigned outside = 0;
  unsigned count = 0;
  if (::sscanf(map.c_str(), "%u %u %u", &inside, &outside, &count) != 3) return false;
  return inside == 0 && outside == 0 && count == UINT32_MAX;
}

using Rename = std::string (*)(const std::string& path, std::vector<UniqueFd>& kept);

std::string by_path(const std::string& path, std::vector<UniqueFd>&) { return path; }

std::string by_descriptor(const std::string& path, std::vector<UniqueFd>& kept) {
  kept.push_back(open_file(path, O_PATH | O_DIRECTORY));
  return "/proc/self/fd/" + std::to_string(kept.back().get());
}

std::string overlay_options(const OverlayConfig& overlay, Rename name,
                            std::vector<UniqueFd>& kept) {
  std::string options = "lowerdir=";
  for (size_t i = 0; i < overlay.lower.size(); ++i) {
    options.append(i == 0 ? "" : ":").append(name(overlay.lower[i], kept));
  }
  options.append(",upperdir=").append(name(overlay.upper, kept));
  options.append(",workdir=").append(name(overlay.work, kept));
  if (!is_in_first_user_namespace()) options.append(",userxattr");
  return options;
}

/** The options of overlayfs have no way to quote these that all kernels share. */
bool has_separator(const OverlayConfig& overlay) {
  const auto has = [](const std::string& path) {
    return path.find_first_of(":,\\\"") != std::string::npos;
  };
  for (const std::string& path : overlay.lower) {
    if (has(path)) return true;
  }
  return has(overlay.upper) || has(overlay.work);
}

}  // namespace

void enter_mount_namespace() {
  if (::unshare(CLONE_NEWNS) < 0) throw SysError(errno, "unshare", "mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) {
    throw SysError(errno, "mount", "/");
  }
}

void mount_root(const ShimConfig& config) {
  if (!config.overlay) return;
  const std::string root = root_path(config);
  make_folders(config.overlay->upper, 0755);
  make_folders(config.overlay->work, 0700);
  make_folders(root, 0755);
  std::vector<UniqueFd> kept;
  std::string options = overlay_options(*config.overlay, by_path, kept);
  // The kernel takes one page of options; the names of descriptors fit some 200 layers into it.
  const auto page_bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (options.size() >= page_bytes || has_separator(*config.overlay)) {
    options = overlay_options(*config.overlay, by_descriptor, kept);
  }
  if (options.size() >= page_bytes)
    throw UserError("cannot mount the root: it has too many layers");
  if (::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) < 0) {
    throw SysError(errno, "mount", root);
  }
}

void unmount_root(const ShimConfig& config) {
  if (config.overlay) ::umount2(root_path(config).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

}  // namespace ocup::shim
