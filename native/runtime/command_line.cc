#include "runtime/command_line.h"

#include "base/error.h"

namespace ocup {

namespace {

const Option* find_option(const std::vector<Option>& options, std::string_view name) {
  for (const auto& option : options) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

const Option* find_letter(const std::vector<Option>& options, char letter) {
  for (const auto& option : options) {
    if (letter == option.letter && letter != 0) return &option;
  }
  return nullptr;
}

[[noreturn]] void fail_unknown(const std::string& word) {
  throw UserError("flag provided but not defined: " + word);
}

std::string next_word(const std::vector<std::string>& words, size_t at, const Option& option) {
  if (at + 1 < words.size()) return words[at + 1];
  throw UserError(std::string("flag needs an argument: --") + option.name);
}

}  // namespace

Arguments::Arguments(const std::vector<std::string>& words, const std::vector<Option>& options,
                     bool has_options_anywhere) {
  for (size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    const bool is_option = word.size() > 1 && word[0] == '-';
    if (word == "--" || (!is_option && !has_options_anywhere)) {
      const size_t from = word == "--" ? at + 1 : at;
      rest_.insert(rest_.end(), words.begin() + static_cast<std::ptrdiff_t>(from), words.end());
      return;
    }
    if (is_option) {
      at = take_option(words, at, options);
    } else {
      rest_.push_back(word);
    }
  }
}

size_t Arguments::take_option(const std::vector<std::string>& words, size_t at,
                              const std::vector<Option>& options) {
  const std::string& word = words[at];
  const std::string text = word.substr(word.starts_with("--") ? 2 : 1);
  const size_t equals = text.find('=');
  const Option* option = find_option(options, text.substr(0, equals));
  if (option == nullptr) {
    if (word.starts_with("--")) fail_unknown(word);
    return take_letters(words, at, options);
  }
  if (!option->takes_value) {
    const std::string value = equals == std::string::npos ? "true" : text.substr(equals + 1);
    if (value != "true" && value != "false") fail_unknown(word);
    if (value == "true") given_.emplace_back(option->name, "true");
    return at;
  }
  if (equals != std::string::npos) {
    given_.emplace_back(option->name, text.substr(equals + 1));
    return at;
  }
  given_.emplace_back(option->name, next_word(words, at, *option));
  return at + 1;
}

size_t Arguments::take_letters(const std::vector<std::string>& words, size_t at,
                               const std::vector<Option>& options) {
  const std::string& word = words[at];
  for (size_t i = 1; i < word.size(); ++i) {
    const Option* option = find_letter(options, word[i]);
    if (option == nullptr) fail_unknown(word);
    if (!option->takes_value) {
      given_.emplace_back(option->name, "true");
      continue;
    }
    std::string value = word.substr(i + 1);
    if (value.starts_with("=")) value.erase(0, 1);
    if (i + 1 < word.size()) {
      given_.emplace_back(option->name, value);
      return at;
    }
    given_.emplace_back(option->name, next_word(words, at, *option));
    return at + 1;
  }
  return at;
}

bool Arguments::has(std::string_view name) const {
  for (const auto& [given, value] : given_) {
    if (given == name) return true;
  }
  return false;
}

std::string Arguments::value(std::string_view name, std::string_view fallback) const {
  std::string last(fallback);
  for (const auto& [given, value] : given_) {
    if (given == name) last = value;
  }
  return last;
}

std::vector<std::string> Arguments::values(std::string_view name) const {
  std::vector<std::string> all;
  for (const auto& [given, value] : given_) {
    if (given == name) all.push_back(value);
  }
  return all;
}

}  // namespace ocup
