#include "test/json_mutator.h"

#include <algorithm>
#include <string_view>

namespace ocup {

namespace {

constexpr size_t kMaxSize = 1u << 16;

constexpr std::string_view kValues[] = {
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1",
    "255",
    "4294967295",
    "4294967296",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1.5",
    "-0",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "{\"\":0}",
    "\"\"",
    "\"/\"",
    "\"..\"",
    "\"a\\u0000b\"",
    "\"\\ud83d\\ude00\"",
    "\"/proc/self/exe\"",
    "\"rbind\"",
    "\"SCMP_ACT_ERRNO\"",
    "\"SCMP_CMP_MASKED_EQ\"",
    "\"RLIMIT_NOFILE\"",
};

constexpr char kBytes[] = "{}[],:\"\\0-9eE.+u/ \n\t\0\xff\x80";

/** Where a value begins and ends in the text. */
struct Span {
  size_t start;
  size_t length;
};

size_t end_of_string(std::string_view text, size_t start) {
  for (size_t at = start + 1; at < text.size(); ++at) {
    if (text[at] == '\\') ++at;
    if (at < text.size() && text[at] == '"') return at + 1;
  }
  return text.size();
}

size_t end_of_word(std::string_view text, size_t start) {
  const size_t end = text.find_first_of(",:]} \n\"[{", start);
  return std::max(std::min(end, text.size()), start + 1);
}

/** Every value and key; text that is not JSON gives what looks like them. */
std::vector<Span> find_values(std::string_view text) {
  std::vector<Span> spans;
  std::vector<size_t> open;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '{' || c == '[') {
      open.push_back(at++);
    } else if (c == '}' || c == ']') {
      ++at;
      if (open.empty()) continue;
      spans.push_back({open.back(), at - open.back()});
      open.pop_back();
    } else if (c == ',' || c == ':' || c == ' ' || c == '\n') {
      ++at;
    } else {
      const size_t end = c == '"' ? end_of_string(text, at) : end_of_word(text, at);
      spans.push_back({at, end - at});
      at = end;
    }
  }
  return spans;
}

std::string some_value(const std::vector<std::string>& corpus, Random& random) {
  if (below(random, 2) == 0) return std::string(kValues[below(random, std::size(kValues))]);
  const std::string& other = corpus[below(random, corpus.size())];
  const std::vector<Span> spans = find_values(other);
  if (spans.empty()) return "{}";
  const Span span = spans[below(random, spans.size())];
  return other.substr(span.start, span.length);
}

std::string nested(std::string value, Random& random) {
  const size_t depth = size_t{1} << below(random, 14);
  const bool is_array = below(random, 2) == 0;
  std::string text;
  for (size_t i = 0; i < depth; ++i) text += is_array ? "[" : "{\"a\":";
  return text.append(value).append(depth, is_array ? ']' : '}');
}

void change_value(std::string& text, const std::vector<std::string>& corpus, Random& random) {
  const std::vector<Span> spans = find_values(text);
  if (spans.empty()) return;
  const Span span = spans[below(random, spans.size())];
  const std::string value = text.substr(span.start, span.length);
  std::string replacement;
  switch (below(random, 5)) {
    case 0:
      break;  // Gone.
    case 1:
      replacement = value + "," + value;
      break;
    case 2:
      replacement = nested(value, random);
      break;
    case 3:
      replacement = "\"" + std::string(size_t{1} << below(random, 15), 'a') + "\"";
      break;
    default:
      replacement = some_value(corpus, random);
  }
  text.replace(span.start, span.length, replacement);
}

void change_bytes(std::string& text, Random& random) {
  if (text.empty()) text = " ";
  const size_t at = below(random, text.size());
  switch (below(random, 5)) {
    case 0:
      text[at] = static_cast<char>(text[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      text.insert(at, 1, kBytes[below(random, sizeof kBytes)]);
      break;
    case 2:
      text.erase(at, 1 + below(random, 16));
      break;
    case 3:
      text.insert(at, text.substr(below(random, text.size()), 1 + below(random, 64)));
      break;
    default:
      text.resize(at);
  }
}

}  // namespace

size_t below(Random& random, size_t bound) { return static_cast<size_t>(random() % bound); }

std::string mutate(const std::string& input, const std::vector<std::string>& corpus,
                   Random& random) {
  std::string text = input;
  for (size_t left = 1 + below(random, 8); left > 0; --left) {
    if (below(random, 4) == 0) {
      change_bytes(text, random);
    } else {
      change_value(text, corpus, random);
    }
  }
  if (text.size() > kMaxSize) text.resize(kMaxSize);
  return text;
}

}  // namespace ocup
