#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// An assertion that fails in the parser is a wrong use of a document from outside: never a crash.
#ifndef RAPIDJSON_ASSERT
#define RAPIDJSON_ASSERT(x) \
  ((x) ? static_cast<void>(0) : throw std::logic_error("JSON value is of another type"))
#endif
#define RAPIDJSON_HAS_STDSTRING 1
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace ocup {

/** Far more than any specification has. */
inline constexpr size_t kMaxJsonDepth = 1000;

/** A parsed JSON text and the memory its strings live in. */
class JsonDocument {
 public:
  /**
   * Parses `text`, which it keeps or copies; `name` names it in errors. Throws SpecError, also when
   * it is nested deeper than `max_depth`: whoever walks the values later does so with a call a level.
   */
  JsonDocument(std::string&& text, std::string_view name, size_t max_depth = kMaxJsonDepth);
  JsonDocument(const std::string& text, std::string_view name, size_t max_depth = kMaxJsonDepth);
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  const rapidjson::Value& root() const { return document_; }

 private:
  std::string text_;
  rapidjson::Document::AllocatorType memory_;
  rapidjson::Document document_;
};

/**
 * A value and the way to it, so that every complaint can name the field: `process.rlimits[2].type`.
 * A node points to the node it came from, which has to live as long. `null` counts as absent.
 * All readers throw SpecError when the value is not of the type asked for.
 */
class JsonNode {
 public:
  /** The root of a document, or of a part of one: `name` starts every path. */
  explicit JsonNode(const rapidjson::Value& value, std::string_view name = {})
      : value_(&value), name_(name) {}

  [[noreturn]] void fail(std::string_view text) const;
  std::string path() const;
  const rapidjson::Value& value() const { return *value_; }
  std::string_view name() const { return name_; }

  std::optional<JsonNode> find(const char* name) const;
  JsonNode get(const char* name) const;

  /** Text without NUL bytes. */
  std::string string() const;
  bool boolean() const;
  int64_t integer(int64_t least = INT64_MIN, int64_t most = INT64_MAX) const;
  uint64_t natural(uint64_t most = UINT64_MAX) const;
  std::vector<std::string> strings() const;

  /** The member of that name, or `fallback` if it is absent. */
  std::string string(const char* name, std::string_view fallback) const;
  bool boolean(const char* name, bool fallback) const;
  std::vector<std::string> strings(const char* name) const;

  /** Calls `visit(node)` for each element. */
  template <typename Visit>
  void each(Visit visit) const {
    require_array();
    for (rapidjson::SizeType i = 0; i < value_->Size(); ++i) visit(JsonNode(*this, i));
  }

  /** Calls `visit(node)` for each member; `node.name()` is its key. */
  template <typename Visit>
  void each_member(Visit visit) const {
    require_object();
    for (const auto& member : value_->GetObject()) visit(JsonNode(*this, member));
  }

  /** Calls `visit(node)` for each element of the array of that name, if there is one. */
  template <typename Visit>
  void each(const char* name, Visit visit) const {
    if (const auto node = find(name)) node->each(visit);
  }

 private:
  JsonNode(const JsonNode& parent, rapidjson::SizeType index)
      : value_(&(*parent.value_)[index]), parent_(&parent), index_(index) {}
  JsonNode(const JsonNode& parent, const rapidjson::Value::Member& member)
      : value_(&member.value),
        parent_(&parent),
        name_(member.name.GetString(), member.name.GetStringLength()) {}

  void require_array() const;
  void require_object() const;

  const rapidjson::Value* value_;
  const JsonNode* parent_ = nullptr;
  std::string_view name_;
  rapidjson::SizeType index_ = 0;
};

/** Writes compact JSON, a call a token. */
class JsonWriter {
 public:
  /** `capacity`: bytes that are likely enough. */
  explicit JsonWriter(size_t capacity = rapidjson::StringBuffer::kDefaultCapacity)
      : buffer_(nullptr, capacity), writer_(buffer_) {}

  JsonWriter& begin_object() { return writer_.StartObject(), *this; }
  JsonWriter& end_object() { return writer_.EndObject(), *this; }
  JsonWriter& begin_array() { return writer_.StartArray(), *this; }
  JsonWriter& end_array() { return writer_.EndArray(), *this; }
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view text);
  JsonWriter& integer(int64_t number) { return writer_.Int64(number), *this; }
  JsonWriter& natural(uint64_t number) { return writer_.Uint64(number), *this; }
  JsonWriter& boolean(bool value) { return writer_.Bool(value), *this; }
  /** Text that is JSON already. */
  JsonWriter& raw(std::string_view json);

  std::string text() const { return std::string(view()); }
  /** Until the next token, or the writer's end. */
  std::string_view view() const { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

/** The value as compact JSON. */
std::string json_text(const rapidjson::Value& value);

/**
 * Bytes that are the same for the same value, members in the same order, and for no other. For this
 * machine only.
 */
std::string comparable_form(const rapidjson::Value& value);

/** JSON with line breaks and two spaces a level, as runc prints it. */
std::string pretty_json(std::string_view json);

}  // namespace ocup
