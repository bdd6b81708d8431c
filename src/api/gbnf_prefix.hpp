// gbnf_prefix: grammars that stand in one text without knowing of each other, and what their text is like.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace plimsoll::api {

// The same grammar with the prefix before the name of every rule.
[[nodiscard]] std::string gbnf_with_prefix(std::string_view grammar, std::string_view prefix);
// How many parentheses are open at once. The engine's parser calls itself for each.
[[nodiscard]] std::size_t gbnf_depth(std::string_view grammar);

}  // namespace plimsoll::api
