#include "grammar/text_grammar.hpp"

#include "pattern_grammar.hpp"

namespace plimsoll::grammar {

std::string grammar_of_choices(const std::vector<std::string>& texts) {
  std::vector<std::string> literals;
  for (const std::string& text : texts) literals.push_back(gbnf_literal(text));
  return "root ::= " + gbnf_any_of(literals) + "\n";
}

std::string grammar_of_pattern(const std::string& pattern) {
  GbnfRules rules;
  const std::string root = rules.reserve("root");
  rules.set(root, text_pattern(rules, pattern).gbnf);
  return rules.text();
}

}  // namespace plimsoll::grammar
