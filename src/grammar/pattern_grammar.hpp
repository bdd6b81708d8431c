// PatternGrammar: an ECMAScript pattern as a GBNF expression.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "code_points.hpp"
#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

struct PatternGrammar {
  std::string gbnf{};      // the content of a JSON string, without its quotation marks; or a text
  std::string left_out{};  // what the pattern forbids and this does not: "look-around"; empty: nothing
  std::uint64_t least = 0;
  std::optional<std::uint64_t> most{};  // characters; empty: no end
  std::string unit{};                   // where the pattern is one set of characters, repeated: that set
};

// What a JSON string holds that matches the pattern somewhere, as ECMAScript has it. Look-around, word boundaries and
// the like are left out. Throws Error{unsupported} with what the pattern holds that cannot be had; Error{usage} where
// it is not a pattern.
[[nodiscard]] PatternGrammar json_pattern(GbnfRules& rules, const std::string& pattern);
// A text that stands by itself, all of which matches. Nothing is left out: that throws, too.
[[nodiscard]] PatternGrammar text_pattern(GbnfRules& rules, const std::string& pattern);

}  // namespace plimsoll::grammar
