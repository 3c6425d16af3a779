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

/** What values take at a time, in bytes, beside as much as their text. */
constexpr size_t kLeastMemory = 1024;

/** What is put behind the text later moves nothing. */
std::string copy_with_room(std::string_view text) {
  std::string copy;
  copy.reserve(text.size() + kLongestCharacter);
  return copy.append(text);
}

rapidjson::SizeType size_of(std::string_view text) {
  return static_cast<rapidjson::SizeType>(text.size());
}

/**
 * The parser takes memory for each level: a large text is looked through before. Right for JSON;
 * for other text, which the parser refuses, it may be anything.
 */
bool is_large_and_deeper_than(size_t levels, std::string_view text) {
  constexpr size_t kLarge = 1u << 20;
  if (text.size() < kLarge) return false;
  size_t depth = 0;
  bool is_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      is_string = !is_string;
    } else if (is_string) {
      if (c == '\\') ++at;
    } else if (c == '{' || c == '[') {
      if (++depth > levels) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

/** Whether a value holds more than `levels` levels of arrays and objects; looks no deeper. */
bool is_deeper_than(size_t levels, const rapidjson::Value& value) {
  if (!value.IsArray() && !value.IsObject()) return false;
  if (levels == 0) return true;
  const auto is_too_deep = [&](const rapidjson::Value& child) {
    return is_deeper_than(levels - 1, child);
  };
  if (value.IsArray()) return std::any_of(value.Begin(), value.End(), is_too_deep);
  return std::any_of(value.MemberBegin(), value.MemberEnd(),
                     [&](const auto& member) { return is_too_deep(member.value); });
}

/** A text of its size before it, which no other text can be mistaken for. */
void append_sized(std::string& out, const rapidjson::Value& text) {
  const rapidjson::SizeType size = text.GetStringLength();
  out.append(reinterpret_cast<const char*>(&size), sizeof size).append(text.GetString(), size);
}

template <typename Number>
void append_number(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_form(std::string& out, const rapidjson::Value& value) {
  out.push_back(static_cast<char>(value.GetType()));
  if (value.IsString()) {
    append_sized(out, value);
  } else if (value.IsNumber()) {
    out.push_back(value.IsInt64() ? 'i' : value.IsUint64() ? 'u' : 'd');
    if (value.IsInt64()) {
      append_number(out, value.GetInt64());
    } else if (value.IsUint64()) {
      append_number(out, value.GetUint64());
    } else {
      append_number(out, value.GetDouble());
    }
  } else if (value.IsArray()) {
    append_number(out, value.Size());
    for (const auto& child : value.GetArray()) append_form(out, child);
  } else if (value.IsObject()) {
    append_number(out, value.MemberCount());
    for (const auto& member : value.GetObject()) {
      append_sized(out, member.name);
      append_form(out, member.value);
    }
  }
}

}  // namespace

JsonDocument::JsonDocument(const std::string& text, std::string_view name, size_t max_depth)
    : JsonDocument(copy_with_room(text), name, max_depth) {}

JsonDocument::JsonDocument(std::string&& text, std::string_view name, size_t max_depth)
    : text_(std::move(text)), memory_(text_.size() + kLeastMemory), document_(&memory_) {
  const bool is_too_deep = is_large_and_deeper_than(max_depth, text_);
  // A character that the end cuts off is looked at whole, the terminating zero and what follows too.
  text_.append(kLongestCharacter, '\0');
  if (!is_too_deep) document_.ParseInsitu<kParseFlags>(text_.data());
  if (is_too_deep || (!document_.HasParseError() && is_deeper_than(max_depth, document_))) {
    throw SpecError(name, "is nested deeper than " + std::to_string(max_depth) + " levels");
  }
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

std::string comparable_form(const rapidjson::Value& value) {
  std::string form;
  append_form(form, value);
  return form;
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
