#include "grammar/text_grammar.hpp"

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

std::string grammar_of_choices(const std::vector<std::string>& texts) {
  std::vector<std::string> literals;
  for (const std::string& text : texts) literals.push_back(gbnf_literal(text));
  return "root ::= " + gbnf_any_of(literals) + "\n";
}

std::string grammar_of_pattern(const std::string& pattern) { return "root ::= " + gbnf_text_pattern(pattern) + "\n"; }

}  // namespace plimsoll::grammar
