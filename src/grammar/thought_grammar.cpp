#include "grammar/thought_grammar.hpp"

#include <fmt/format.h>

#include <map>

#include "grammar/gbnf_text.hpp"
#include "grammar/tool_opening.hpp"

#include "gbnf_rules.hpp"

namespace plimsoll::grammar {

std::string grammar_behind_a_thought(const std::string& gbnf, const std::string& root, const ThoughtPlace& place) {
  std::string out = gbnf_with_prefix(gbnf, "form-");
  if (!out.empty() && out.back() != '\n') out += '\n';
  const std::string form = "form-" + root;
  out += fmt::format("behind ::= {}{}\n", place.spaces_follow ? "[ \\t\\r\\n]{0,8} " : "", form);
  std::vector<std::string_view> marks{place.end};
  marks.insert(marks.end(), place.never_inside.begin(), place.never_inside.end());
  const WrittenOpening end = written_tags(marks);
  for (std::size_t i = 0; i < end.states.size(); ++i) {
    std::map<std::size_t, std::string> classes;
    std::string all;
    for (const auto& [c, to] : end.states[i].next) {
      classes[to] += gbnf_class_member(c);
      all += gbnf_class_member(c);
    }
    std::string body = fmt::format("[^{}] thought{}", all, end.states[i].otherwise);
    for (const auto& [to, members] : classes) {
      if (to <= WrittenOpening::kBegun)
        body +=
            fmt::format(" | [{}] {}", members, to == WrittenOpening::kBegun ? "behind" : fmt::format("thought{}", to));
    }
    out += fmt::format("thought{} ::= {}\n", i, body);
  }
  if (place.is_open) return out + "root ::= thought0\n";
  out += fmt::format("root ::= {} thought0 | {}", gbnf_literal(place.begin), form);
  if (!place.instead.empty()) out += fmt::format(" | {} behind", gbnf_literal(place.instead));
  return out + "\n";
}

}  // namespace plimsoll::grammar
