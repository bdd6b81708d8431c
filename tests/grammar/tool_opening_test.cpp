#include "grammar/tool_opening.hpp"

#include <gtest/gtest.h>

namespace plimsoll::grammar {
namespace {

std::size_t state_behind(const ToolOpening& opening, std::string_view text) {
  std::size_t state = 0;
  for (const char c : text) {
    if (state < ToolOpening::kBegun) state = opening.next(state, c);
  }
  return state;
}

TEST(ToolOpeningTest, TheFirstOfSeveralTags) {
  const ToolOpening opening = tags_anywhere({"<ab>", "<ac", "b<a"});
  EXPECT_EQ(state_behind(opening, "x <<ab>"), ToolOpening::kBegun);
  EXPECT_EQ(state_behind(opening, "<a<ac"), ToolOpening::kBegun + 1);
  EXPECT_EQ(state_behind(opening, "<ab<ac"), ToolOpening::kBegun + 2);
  EXPECT_EQ(state_behind(opening, "<a b>"), 0U);
  for (const auto& [text, held] :
       std::vector<std::pair<const char*, std::size_t>>{{"x", 0}, {"x<a", 2}, {"<ab", 3}, {"<a<", 1}})
    EXPECT_EQ(opening.states[state_behind(opening, text)].held, held) << text;
}

TEST(ToolOpeningTest, ATagThatBeginsInItself) {
  const ToolOpening opening = tag_anywhere("aab");
  EXPECT_EQ(opening.states.size(), 3U);
  EXPECT_EQ(state_behind(opening, "aaab"), ToolOpening::kBegun);
  EXPECT_EQ(state_behind(opening, "aba"), 1U);
}

}  // namespace
}  // namespace plimsoll::grammar
