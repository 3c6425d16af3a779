#include "runtime/spec.h"

#include <sched.h>

#include "base/error.h"

namespace ocup {

namespace {

void require_absolute(const JsonNode& node, const std::string& path) {
  if (path.empty() || path.front() != '/') node.fail("must be an absolute path");
}

Hook parse_hook(const JsonNode& node) {
  const JsonNode path = node.get("path");
  Hook hook = {path.string(), node.strings("args"), node.strings("env"), 0};
  require_absolute(path, hook.path);
  if (hook.args.empty()) hook.args.push_back(hook.path);
  if (const auto timeout = node.find("timeout")) {
    hook.timeout_ms = static_cast<int>(timeout->integer(1, INT32_MAX / 1000)) * 1000;
  }
  return hook;
}

std::vector<Hook> parse_hooks(const JsonNode& node, const char* name) {
  std::vector<Hook> list;
  node.each(name, [&](const JsonNode& item) { list.push_back(parse_hook(item)); });
  return list;
}

void parse_id_mapping(const JsonNode& node, Mount& mount) {
  mount.uid_mappings = parse_mappings(node, "uidMappings");
  mount.gid_mappings = parse_mappings(node, "gidMappings");
  if (mount.uid_mappings.empty() != mount.gid_mappings.empty()) {
    node.fail("needs both uidMappings and gidMappings");
  }
  if (!mount.uid_mappings.empty()) mount.options.is_id_mapped = true;
  if (mount.options.is_id_mapped && !mount.options.is_bind) {
    node.fail("only a bind mount can be id-mapped");
  }
}

Mount parse_mount(const JsonNode& node) {
  Mount mount;
  const JsonNode destination = node.get("destination");
  mount.destination = destination.string();
  if (mount.destination.empty()) destination.fail("must not be empty");
  mount.type = node.string("type", "");
  mount.source = node.string("source", "");
  if (const auto options = node.find("options")) {
    mount.options = parse_mount_options(*options, mount.type);
  } else {
    mount.options.is_bind = mount.type == "bind";
  }
  if (mount.options.is_bind && mount.source.empty()) node.fail("a bind mount needs a source");
  if (!mount.options.is_bind && mount.type.empty()) node.fail("lacks \"type\"");
  parse_id_mapping(node, mount);
  return mount;
}

void parse_root(const JsonNode& node, Spec& spec) {
  spec.root_path = node.get("path").string();
  if (spec.root_path.empty()) node.get("path").fail("must not be empty");
  spec.is_root_readonly = node.boolean("readonly", false);
}

void check_version(const JsonNode& node) {
  const std::string version = node.string();
  // The specification is versioned semantically: what 1.x adds, an older reader may skip.
  if (!version.starts_with("1.") && version != "1") node.fail("unsupported \"" + version + "\"");
}

void check_together(const Spec& spec) {
  if (!spec.hostname.empty() && !spec.has_namespace(CLONE_NEWUTS)) {
    throw SpecError("hostname", "needs a uts namespace in linux.namespaces");
  }
  if (!spec.domainname.empty() && !spec.has_namespace(CLONE_NEWUTS)) {
    throw SpecError("domainname", "needs a uts namespace in linux.namespaces");
  }
  for (const auto& mount : spec.mounts) {
    if (mount.options.is_id_mapped && mount.uid_mappings.empty() &&
        !spec.has_namespace(CLONE_NEWUSER)) {
      throw SpecError("mounts", "the id-mapped mount at " + mount.destination +
                                    " needs uidMappings and gidMappings, or a user namespace");
    }
  }
  if (!spec.has_namespace(CLONE_NEWNS)) {
    throw SpecError("linux.namespaces",
                    "lacks a mount namespace: the host's mounts are never changed");
  }
}

}  // namespace

void refuse_member(const JsonNode& node, const char* name, const char* why) {
  const auto member = node.find(name);
  if (!member) return;
  const auto& value = member->value();
  const bool is_empty = (value.IsString() && value.GetStringLength() == 0) ||
                        (value.IsObject() && value.ObjectEmpty()) ||
                        (value.IsArray() && value.Empty());
  if (!is_empty) member->fail(why);
}

Spec parse_spec(const rapidjson::Value& root) {
  const JsonNode node(root);
  Spec spec;
  const JsonNode version = node.get("ociVersion");
  check_version(version);
  spec.oci_version = version.string();
  parse_root(node.get("root"), spec);
  spec.hostname = node.string("hostname", "");
  spec.domainname = node.string("domainname", "");
  if (const auto process = node.find("process")) spec.process = parse_process(*process);
  node.each("mounts", [&](const JsonNode& mount) { spec.mounts.push_back(parse_mount(mount)); });
  if (const auto hooks = node.find("hooks")) {
    spec.hooks.prestart = parse_hooks(*hooks, "prestart");
    spec.hooks.create_runtime = parse_hooks(*hooks, "createRuntime");
    spec.hooks.create_container = parse_hooks(*hooks, "createContainer");
    spec.hooks.start_container = parse_hooks(*hooks, "startContainer");
    spec.hooks.poststart = parse_hooks(*hooks, "poststart");
    spec.hooks.poststop = parse_hooks(*hooks, "poststop");
  }
  if (const auto annotations = node.find("annotations")) {
    annotations->each_member([&](const JsonNode& member) {
      spec.annotations.emplace_back(member.name(), member.string());
    });
  }
  for (const char* platform : {"solaris", "windows", "vm", "zos", "freebsd"}) {
    refuse_member(node, platform, "this runtime runs Linux containers only");
  }
  if (const auto linux = node.find("linux")) parse_linux(*linux, spec);
  check_together(spec);
  return spec;
}

}  // namespace ocup
