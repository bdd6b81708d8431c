#include "grammar/gbnf_text.hpp"

#include <algorithm>
#include <cctype>

namespace plimsoll::grammar {
namespace {

bool is_of_a_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

// What holds no names, from its first character to behind its last: a literal, a class, a count, a token, a comment.
std::size_t end_of_opaque(std::string_view text, std::size_t from) {
  static constexpr std::string_view kOpens = "\"[{<#";
  static constexpr std::string_view kCloses = "\"]}>\n";  // a comment ends with \r, too
  const std::size_t kind = kOpens.find(text[from]);
  if (kind == std::string_view::npos) return from;
  const bool escapes = text[from] == '"' || text[from] == '[';
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (escapes && text[i] == '\\')
      ++i;
    else if (text[i] == kCloses[kind] || (text[from] == '#' && text[i] == '\r'))
      return i + 1;
  }
  return text.size();
}

}  // namespace

std::string gbnf_with_prefix(std::string_view grammar, std::string_view prefix) {
  std::string out;
  for (std::size_t i = 0; i < grammar.size();) {
    std::size_t end = std::min(end_of_opaque(grammar, i), grammar.size());
    if (end == i) {
      while (end < grammar.size() && is_of_a_name(grammar[end])) ++end;
      if (end > i)
        out += prefix;
      else
        ++end;  // an operator or a space
    }
    out += grammar.substr(i, end - i);
    i = end;
  }
  return out;
}

std::size_t gbnf_depth(std::string_view grammar) {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < grammar.size();) {
    const std::size_t end = end_of_opaque(grammar, i);
    if (grammar[i] == '(') deepest = std::max(deepest, ++depth);
    if (grammar[i] == ')' && depth > 0) --depth;
    i = std::max(end, i + 1);
  }
  return deepest;
}

}  // namespace plimsoll::grammar
