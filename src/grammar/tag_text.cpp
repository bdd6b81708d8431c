#include "tag_text.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "grammar/tool_opening.hpp"

namespace plimsoll::grammar {

// A rule for how much of the tag has been seen.
std::string text_as_far_as(GbnfRules& rules, std::string_view tag) {
  const WrittenOpening end = written_tag(tag);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < end.states.size(); ++i) names.push_back(rules.reserve("text"));
  for (std::size_t i = 0; i < end.states.size(); ++i) {
    std::map<std::size_t, std::string> classes;
    std::string all = kNoCharacters;
    for (const auto& [c, to] : end.states[i].next) {
      const std::string member = gbnf_class_member(c);
      classes[to] += member;
      all += member;
    }
    std::string body = fmt::format("[^{}] {}", all, names[end.states[i].otherwise]);
    for (const auto& [to, members] : classes)
      body += fmt::format(" | [{}]{}", members, to == WrittenOpening::kBegun ? "" : " " + names[to]);
    rules.set(names[i], std::move(body));
  }
  return names.front();
}

}  // namespace plimsoll::grammar
