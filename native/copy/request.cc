#include "copy/request.h"

#include "base/json.h"

namespace ocup::copy {

namespace {

RootConfig parse_root(const JsonNode& node) {
  RootConfig root;
  if (const auto pid = node.find("pid")) root.pid = static_cast<pid_t>(pid->natural(INT32_MAX));
  root.is_read_only = node.boolean("isReadOnly", false);
  if (const auto rootfs = node.find("bundle")) root.shim.bundle = rootfs->string();
  if (const auto overlay = node.find("overlay")) {
    shim::OverlayConfig layers;
    layers.lower = overlay->strings("lower");
    layers.upper = overlay->get("upper").string();
    layers.work = overlay->get("work").string();
    root.shim.overlay = layers;
    root.is_overlay = true;
  }
  node.each("copyUps", [&](const JsonNode& copy) {
    root.shim.copy_ups.push_back({copy.get("source").string(), copy.get("volume").string()});
  });
  node.each("mounts", [&](const JsonNode& mount) {
    root.mounts.push_back({mount.get("source").string(), mount.get("target").string(),
                           mount.boolean("isReadOnly", false)});
  });
  return root;
}

}  // namespace

Request parse_request(const std::string& json) {
  const JsonDocument document(json, "request");
  const JsonNode node(document.root());
  Request request;
  const std::string operation = node.get("operation").string();
  if (operation == "write") {
    request.operation = Request::Operation::kWrite;
  } else if (operation == "remove") {
    request.operation = Request::Operation::kRemove;
  } else if (operation != "read") {
    node.get("operation").fail("must be read, write or remove");
  }
  request.root = parse_root(node.get("root"));
  request.path = node.get("path").string();
  request.follows_link = node.boolean("followsLink", false);
  request.keeps_owner = node.boolean("keepsOwner", false);
  request.is_plain_archive = node.boolean("isPlainArchive", false);
  return request;
}

}  // namespace ocup::copy
