// PatternCharacters: the letters of an ECMAScript pattern, read from left to right: sets, escapes, counts.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "code_points.hpp"

namespace plimsoll::grammar {

// Throws Error: usage (it is no pattern), unsupported (an escape that is not known).
class PatternCharacters {
 public:
  explicit PatternCharacters(const std::string& pattern);

  [[nodiscard]] bool more() const { return at_ < text_.size(); }
  [[nodiscard]] char32_t peek() const { return more() ? text_[at_] : U'\0'; }
  bool take(char32_t c);
  bool take(std::string_view ascii);
  char32_t next();
  // These letters stand here, and the alternative or the pattern ends behind them.
  [[nodiscard]] bool ends_with_alternative(std::string_view ascii) const;

  [[nodiscard]] CodeRanges set();                                                 // behind its [
  [[nodiscard]] CodeRanges escape(bool in_a_set);                                 // behind its backslash
  [[nodiscard]] std::pair<std::uint64_t, std::optional<std::uint64_t>> counts();  // behind its {
  void skip_name();                                                               // of a group, with its >
  void skip_property();                                                           // p{...} of a \p

 private:
  [[nodiscard]] CodeRanges member();
  [[nodiscard]] CodeRanges hex(int count);
  [[nodiscard]] std::uint64_t number();

  std::u32string text_;
  std::size_t at_ = 0;
};

[[nodiscard]] const CodeRanges& line_ends();
[[nodiscard]] CodeRanges in_both_cases(CodeRanges ranges);  // of ASCII's letters

}  // namespace plimsoll::grammar
