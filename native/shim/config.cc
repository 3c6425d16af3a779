#include "shim/config.h"

#include <algorithm>

#include "base/file.h"
#include "base/json.h"

namespace ocup::shim {

namespace {

std::string absolute_path(const JsonNode& node) {
  std::string path = node.string();
  if (!path.starts_with('/')) node.fail("must be an absolute path");
  return path;
}

OverlayConfig parse_overlay(const JsonNode& node) {
  OverlayConfig overlay;
  node.get("lower").each(
      [&](const JsonNode& path) { overlay.lower.push_back(absolute_path(path)); });
  if (overlay.lower.empty()) node.get("lower").fail("must not be empty");
  overlay.upper = absolute_path(node.get("upper"));
  overlay.work = absolute_path(node.get("work"));
  return overlay;
}

}  // namespace

ShimConfig read_config(const std::string& path) {
  const JsonDocument document(read_file(path), path);
  const JsonNode root(document.root());
  ShimConfig config;
  config.id = root.get("id").string();
  if (config.id.empty() || config.id.find('/') != std::string::npos) {
    root.get("id").fail("must be a name");
  }
  config.bundle = absolute_path(root.get("bundle"));
  config.runtime = absolute_path(root.get("runtime"));
  config.runtime_root = absolute_path(root.get("runtimeRoot"));
  config.is_own_runtime = root.boolean("isOwnRuntime", false);
  if (const auto overlay = root.find("overlay")) config.overlay = parse_overlay(*overlay);
  root.each("copyUps", [&](const JsonNode& node) {
    config.copy_ups.push_back({node.get("source").string(), absolute_path(node.get("volume"))});
  });
  if (const auto log_path = root.find("logPath")) config.log_path = absolute_path(*log_path);
  if (const auto bytes = root.find("logMaxBytes")) config.log_max_bytes = bytes->natural();
  if (const auto files = root.find("logMaxFiles")) config.log_max_files = files->natural(10000);
  config.log_max_files = std::max<uint64_t>(config.log_max_files, 1);
  if (root.find("journal")) config.journal = root.strings("journal");
  config.has_tty = root.boolean("hasTty", false);
  config.is_stdin_open = root.boolean("isStdinOpen", false);
  return config;
}

}  // namespace ocup::shim
