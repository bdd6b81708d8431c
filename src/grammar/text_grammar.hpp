// text_grammar: grammars of answers that are no JSON.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::grammar {

// One of these texts, whole. There is at least one. Any thread.
[[nodiscard]] std::string grammar_of_choices(const std::vector<std::string>& texts);
// A text that matches all of the ECMAScript pattern. Throws Error{unsupported} with what the pattern holds that cannot
// be had; Error{usage} where it is not a pattern.
[[nodiscard]] std::string grammar_of_pattern(const std::string& pattern);

}  // namespace plimsoll::grammar
