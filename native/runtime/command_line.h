#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ocup {

struct Option {
  const char* name;
  /** 0: none. */
  char letter = 0;
  bool takes_value = false;
};

/** What was said on the command line, checked against a table of options. */
class Arguments {
 public:
  /**
   * Takes options up to the first other argument, or everywhere when `has_options_anywhere`. Knows
   * `--name value`, `--name=value`, `-name value`, `-n value`, `-nvalue`, `-abc`, and `--`. Throws
   * UserError.
   */
  Arguments(const std::vector<std::string>& words, const std::vector<Option>& options,
            bool has_options_anywhere);

  bool has(std::string_view name) const;
  std::string value(std::string_view name, std::string_view fallback = {}) const;
  std::vector<std::string> values(std::string_view name) const;
  const std::vector<std::string>& rest() const { return rest_; }

 private:
  size_t take_option(const std::vector<std::string>& words, size_t at,
                     const std::vector<Option>& options);
  size_t take_letters(const std::vector<std::string>& words, size_t at,
                      const std::vector<Option>& options);

  std::vector<std::pair<std::string, std::string>> given_;
  std::vector<std::string> rest_;
};

}  // namespace ocup
