// thought_grammar: a grammar that begins behind a thought.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::grammar {

struct ThoughtPlace {
  std::string_view begin{};
  std::string_view end{};
  std::string_view instead{};                    // what may stand in a thought's place; empty: nothing
  bool is_open = false;                          // the text begins inside of one; else it may begin with one
  bool spaces_follow = true;                     // else whitespace behind one is what the grammar says of it
  std::vector<std::string_view> never_inside{};  // a thought: none of them is in another but at its end
};

// Any text up to the thought's end, a little whitespace, and then what the grammar allows from its rule `root`. The
// root is "root". Any thread.
[[nodiscard]] std::string grammar_behind_a_thought(const std::string& gbnf, const std::string& root,
                                                   const ThoughtPlace& place);

}  // namespace plimsoll::grammar
