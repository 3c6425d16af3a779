#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ocup {

/** A layer that cannot be unpacked for what it holds. */
class LayerError : public std::runtime_error {
 public:
  enum class Kind { kFormat, kLimit };

  LayerError(Kind kind, const std::string& text) : std::runtime_error(text), kind_(kind) {}

  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/** The bytes break the format of the archive or of its compression. */
[[noreturn]] inline void fail_format(const std::string& text) {
  throw LayerError(LayerError::Kind::kFormat, text);
}

/** The layer wants more than is allowed. */
[[noreturn]] inline void fail_limit(const std::string& text) {
  throw LayerError(LayerError::Kind::kLimit, text);
}

}  // namespace ocup
