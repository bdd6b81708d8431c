// GbnfRules: a grammar under construction, and the small pieces that GBNF expressions are made of.
#pragma once
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
// "{2,5}", "*", "+", "?", "" for exactly one. Empty `most`: no end.
[[nodiscard]] std::string gbnf_repeat(std::uint64_t least, std::optional<std::uint64_t> most);
[[nodiscard]] std::string gbnf_any_of(const std::vector<std::string>& alternatives);  // in parentheses

[[nodiscard]] std::u32string to_code_points(std::string_view utf8);
[[nodiscard]] std::string to_utf8(char32_t code);

class GbnfRules {
 public:
  // A name that no other rule has, like the one wanted.
  [[nodiscard]] std::string reserve(std::string_view wanted);
  void set(const std::string& name, std::string body) { rules_[name] = std::move(body); }
  // Both at once; gives the name.
  std::string add(std::string_view wanted, std::string body);
  // The rule of this name from JSON's own, with all that it needs: "value", "object", "array", "string", "number",
  // "integer", "boolean", "null", "char", "plain" (a character without escapes), "ws". Gives the name.
  const std::string& json(const std::string& name);
  [[nodiscard]] std::string text() const;

 private:
  std::map<std::string, std::string> rules_;
};

// Integers from least to most, in decimal.
[[nodiscard]] std::string gbnf_integers(std::int64_t least, std::int64_t most);
// The content of a JSON string, without its quotation marks, that matches the ECMAScript pattern. Throws
// Error{unsupported} with what the pattern holds that cannot be had; Error{usage} where it is none.
[[nodiscard]] std::string gbnf_pattern(GbnfRules& rules, const std::string& pattern);
// The same for a text that stands by itself, all of it.
[[nodiscard]] std::string gbnf_text_pattern(const std::string& pattern);
// The content of a JSON string of that format; empty for a format that is not known.
[[nodiscard]] std::string gbnf_format(std::string_view format);
// A JSON string (with its quotation marks) that is none of the words.
[[nodiscard]] std::string gbnf_other_than(GbnfRules& rules, std::string_view wanted,
                                          const std::vector<std::string>& words);

}  // namespace plimsoll::grammar
