// tag_text: the grammar of any text that ends with a tag.
#pragma once
#include <string>
#include <string_view>

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

inline constexpr const char* kNoCharacters = R"(\x00\uD800-\uDFFF\U00110000-\U001FFFFF)";  // members of a class

// A rule's name. The tag is a part of the text.
[[nodiscard]] std::string text_as_far_as(GbnfRules& rules, std::string_view tag);

}  // namespace plimsoll::grammar
