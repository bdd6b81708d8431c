// Code points: sets of characters, and how one character of a set is written in a grammar.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::grammar {

struct CodeRange {
  char32_t first;
  char32_t last;
};
using CodeRanges = std::vector<CodeRange>;

[[nodiscard]] CodeRanges normal_ranges(CodeRanges ranges);  // rising, without overlaps
[[nodiscard]] CodeRanges complement_of(const CodeRanges& ranges);

// How a text is written where the grammar holds: inside a JSON string, or as it is.
enum class Spelling { json, text };

// One character of the set, as a GBNF expression. Throws Error{unsupported} where no text of that spelling has one.
[[nodiscard]] std::string gbnf_one_of(const CodeRanges& wanted, Spelling spelling);

}  // namespace plimsoll::grammar
