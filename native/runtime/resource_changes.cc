#include "runtime/resource_changes.h"

namespace ocup {

namespace {

using rapidjson::Value;

/** Objects are merged member by member, anything else takes the place of what was there. */
void merge(Value& target, const Value& source, rapidjson::Document::AllocatorType& allocator) {
  for (const auto& member : source.GetObject()) {
    if (member.value.IsNull()) continue;
    const auto found = target.FindMember(member.name);
    if (found == target.MemberEnd()) {
      target.AddMember(Value(member.name, allocator), Value(member.value, allocator), allocator);
    } else if (found->value.IsObject() && member.value.IsObject()) {
      merge(found->value, member.value, allocator);
    } else {
      found->value.CopyFrom(member.value, allocator);
    }
  }
}

Value& ensure_object(Value& parent, const char* name,
                     rapidjson::Document::AllocatorType& allocator) {
  const auto found = parent.FindMember(name);
  if (found == parent.MemberEnd()) {
    parent.AddMember(rapidjson::StringRef(name), Value(rapidjson::kObjectType), allocator);
  } else if (!found->value.IsObject()) {
    found->value.SetObject();
  }
  return parent[name];
}

/** Limits that mean something only beside another one get that one, as it was set before. */
Resources with_partners(Resources changes, const Resources& merged) {
  if (changes.cpu_quota || changes.cpu_period) {
    changes.cpu_quota = merged.cpu_quota;
    changes.cpu_period = merged.cpu_period;
  }
  if (changes.memory_swap.value_or(0) > 0) changes.memory_limit = merged.memory_limit;
  return changes;
}

}  // namespace

ResourceChanges merge_resources(const std::string& config, const Value& changes) {
  const Resources asked = parse_resources(JsonNode(changes));
  const JsonDocument stored(config, "state.json");
  rapidjson::Document document;
  auto& allocator = document.GetAllocator();
  document.CopyFrom(stored.root(), allocator);
  if (!document.IsObject()) document.SetObject();
  Value& resources =
      ensure_object(ensure_object(document, "linux", allocator), "resources", allocator);
  merge(resources, changes, allocator);
  const Resources merged = parse_resources(JsonNode(resources, "linux.resources"));
  return {with_partners(asked, merged), json_text(document)};
}

}  // namespace ocup
