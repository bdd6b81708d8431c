#include "grammar/opening_tags.hpp"

#include <set>
#include <utility>

namespace plimsoll::grammar {

// The shortest text to each state is found first: the others begin with what is no tag.
std::vector<std::string> opening_tags(const ToolOpening& opening) {
  std::vector<std::string> tags;
  if (opening.holds_json || opening.states.empty()) return tags;
  std::set<std::size_t> met{0};
  std::vector<std::pair<std::size_t, std::string>> reached{{0, ""}};
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const auto [state, text] = reached[i];
    for (const auto& [letter, to] : opening.states[state].next) {
      if (!met.insert(to).second) continue;
      if (to >= ToolOpening::kBegun && to != ToolOpening::kPlain)
        tags.push_back(text + letter);
      else if (to < opening.states.size())
        reached.emplace_back(to, text + letter);
    }
  }
  return tags;
}

}  // namespace plimsoll::grammar
