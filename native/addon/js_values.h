#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace ocup {

/** The strings in an array of JavaScript. */
inline std::vector<std::string> to_strings(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  strings.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    strings.push_back(array.Get(i).As<Napi::String>().Utf8Value());
  }
  return strings;
}

}  // namespace ocup
