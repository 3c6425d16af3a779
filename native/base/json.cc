#include "base/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>

#include <algorithm>

#include "base/error.h"

namespace ocup {

namespace {

/** Of UTF-8, in bytes. */
constexpr size_t kLongestCharacter = 4;

constexpr unsigned kParseFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

/** Right for JSON; for other text, which the parser refuses, it may be anything. */
size_t depth_of(std::string_view text) {
  size_t depth = 0;
  size_t deepest = 0;
  bool is_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      is_string = !is_string;
    } else if (is_string) {
      if (c == '\\') ++at;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

JsonDocument::JsonDocument(std::string text, std::string_view name, size_t max_depth)
    : text_(std::move(text)) {
  if (depth_of(text_) > max_depth) {
    throw SpecError(name, "is nested deeper than " + std::to_string(max_depth) + " levels");
  }
  // A character that the end cuts off is looked at whole, the terminating zero and what follows too.
  text_.append(kLongestCharacter, '\0');
  document_.ParseInsitu<kParseFlags>(text_.data());
  if (!document_.HasParseError()) return;
  std::string message = "invalid JSON at byte ";
  message += std::to_string(document_.GetErrorOffset());
  message += std::string(": ") + rapidjson::GetParseError_En(document_.GetParseError());
  throw SpecError(name, message);
}

void JsonNode::fail(std::string_view text) const { throw SpecError(path(), text); }

std::string JsonNode::path() const {
  if (parent_ == nullptr) return std::string(name_);
  std::string above = parent_->path();
  if (name_.data() == nullptr) return above + "[" + std::to_string(index_) + "]";
  if (!above.empty()) above += ".";
  return above.append(name_);
}

void JsonNode::require_array() const {
  if (!value_->IsArray()) fail("must be an array");
}

void JsonNode::require_object() const {
  if (!value_->IsObject()) fail("must be an object");
}

std::optional<JsonNode> JsonNode::find(const char* name) const {
  require_object();
  const auto member = value_->FindMember(name);
  if (member == value_->MemberEnd() || member->value.IsNull()) return std::nullopt;
  return JsonNode(*this, *member);
}

JsonNode JsonNode::get(const char* name) const {
  const auto node = find(name);
  if (!node) fail(std::string("lacks \"") + name + "\"");
  return *node;
}

std::string JsonNode::string() const {
  if (!value_->IsString()) fail("must be a string");
  std::string text(value_->GetString(), value_->GetStringLength());
  if (text.find('\0') != std::string::npos) fail("must not contain a NUL byte");
  return text;
}

bool JsonNode::boolean() const {
  if (!value_->IsBool()) fail("must be true or false");
  return value_->GetBool();
}

int64_t JsonNode::integer(int64_t least, int64_t most) const {
  if (!value_->IsInt64()) fail("must be an integer");
  const int64_t number = value_->GetInt64();
  if (number < least || number > most) {
    fail("must be between " + std::to_string(least) + " and " + std::to_string(most));
  }
  return number;
}

uint64_t JsonNode::natural(uint64_t most) const {
  if (!value_->IsUint64()) fail("must be an integer that is not negative");
  const uint64_t number = value_->GetUint64();
  if (number > most) fail("must be at most " + std::to_string(most));
  return number;
}

std::vector<std::string> JsonNode::strings() const {
  std::vector<std::string> list;
  require_array();
  list.reserve(value_->Size());
  each([&](const JsonNode& node) { list.push_back(node.string()); });
  return list;
}

std::string JsonNode::string(const char* name, std::string_view fallback) const {
  const auto node = find(name);
  return node ? node->string() : std::string(fallback);
}

bool JsonNode::boolean(const char* name, bool fallback) const {
  const auto node = find(name);
  return node ? node->boolean() : fallback;
}

std::vector<std::string> JsonNode::strings(const char* name) const {
  const auto node = find(name);
  return node ? node->strings() : std::vector<std::string>();
}

JsonWriter& JsonWriter::key(std::string_view name) {
  writer_.Key(name.data(), size_of(name));
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  writer_.String(text.data() == nullptr ? "" : text.data(), size_of(text));
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  return *this;
}

std::string json_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string pretty_json(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  document.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace ocup
