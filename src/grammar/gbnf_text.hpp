// gbnf_text: what can be done with a grammar's text without parsing all of it.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace plimsoll::grammar {

// The same grammar with the prefix before the name of every rule, so that two grammars can stand in one text.
[[nodiscard]] std::string gbnf_with_prefix(std::string_view grammar, std::string_view prefix);
// How many parentheses are open at once, at most. The engine's parser calls itself for each.
[[nodiscard]] std::size_t gbnf_depth(std::string_view grammar);

}  // namespace plimsoll::grammar
