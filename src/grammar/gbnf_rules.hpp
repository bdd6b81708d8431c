// GbnfRules: a grammar under construction, and the small pieces that GBNF expressions are made of.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::grammar {

// Text as a GBNF literal, quoted.
[[nodiscard]] std::string gbnf_literal(std::string_view text);
// One code point as it is written between [ and ].
[[nodiscard]] std::string gbnf_class_member(char32_t code);
// One digit out of a range: "[3-7]", or the digit itself in quotes.
[[nodiscard]] std::string gbnf_digit(char from, char to);
// "{2,5}", "*", "+", "?", "" for exactly one. Empty `most`: no end.
[[nodiscard]] std::string gbnf_repeat(std::uint64_t least, std::optional<std::uint64_t> most);
[[nodiscard]] std::string gbnf_any_of(const std::vector<std::string>& alternatives);  // in parentheses

[[nodiscard]] std::u32string to_code_points(std::string_view utf8);
[[nodiscard]] std::string to_utf8(char32_t code);

// What the engine makes a rule of its own of, each time: more of them than this are refused.
inline constexpr std::uint64_t kMostRepetitions = 100000;

class GbnfRules {
 public:
  // A name that no other rule has, like the one wanted.
  [[nodiscard]] std::string reserve(std::string_view wanted);
  void set(const std::string& name, std::string body) { rules_[name] = std::move(body); }
  // Both at once; gives the name.
  std::string add(std::string_view wanted, std::string body);
  // A rule of this body, whose name may be one that was made for the same body before.
  const std::string& shared(std::string_view wanted, const std::string& body);
  // The expression, or the name of a rule for it where it is longer than a word.
  [[nodiscard]] std::string named(std::string_view wanted, std::string expression);
  // The rule of this name from JSON's own, with all that it needs: "value", "object", "array", "string", "number",
  // "integer", "boolean", "null", "char", "plain" (a character without escapes), "ws". Gives the name.
  const std::string& json(const std::string& name);
  // The item `least` to `most` times (empty: no end), in a form that the engine takes: it counts what is repeated, and
  // takes large counts for none. Throws Error{unsupported} where it comes to more than kMostRepetitions together.
  [[nodiscard]] std::string repeated(const std::string& item, std::uint64_t least, std::optional<std::uint64_t> most);
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  [[nodiscard]] std::string text() const;

 private:
  // shared(), of a repetition that the engine makes so many rules of.
  const std::string& counted(std::string_view wanted, const std::string& repetition, std::uint64_t count);

  std::map<std::string, std::string> rules_;
  std::map<std::string, std::string> by_body_;
  std::map<std::string, int> last_number_;  // of names that were wanted more than once
  std::uint64_t repetitions_ = 0;
  std::size_t bytes_ = 0;
};

// One of the texts. Many of them are sorted by what they begin with: the engine compares each alternative with all
// others.
[[nodiscard]] std::string gbnf_any_word(GbnfRules& rules, std::string_view wanted, std::vector<std::string> texts);
// Integers from least to most, in decimal.
[[nodiscard]] std::string gbnf_integers(std::int64_t least, std::int64_t most);
// A JSON string (with its quotation marks) that is none of the words.
[[nodiscard]] std::string gbnf_other_than(GbnfRules& rules, std::string_view wanted,
                                          const std::vector<std::string>& words);

}  // namespace plimsoll::grammar
