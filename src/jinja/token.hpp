// Tokens of a template: text as it is printed, and what stands between the marks.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "value.hpp"

namespace plimsoll::jinja {

enum class TokenKind { data, block_begin, block_end, print_begin, print_end, name, literal, sign, end };

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text{};  // data, names and signs
  Value value{};       // of a literal: a string or a number
  int line = 1;
};

// Throws Failure with "line 3: " in front. The last token is `end`.
[[nodiscard]] std::vector<Token> tokenize(std::string_view source);

}  // namespace plimsoll::jinja
