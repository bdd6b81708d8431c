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
  const ToolOpening opening = tags_anywhere({"aab"});
  EXPECT_EQ(opening.states.size(), 3U);
  EXPECT_EQ(state_behind(opening, "aaab"), ToolOpening::kBegun);
  EXPECT_EQ(state_behind(opening, "aba"), 1U);
}

// The grammar of a tag is of characters, and what is read is bytes.
TEST(ToolOpeningTest, ATagOfLongCharacters) {
  const ToolOpening read = tool_opening(ToolForm::deepseek, {});
  EXPECT_EQ(state_behind(read, "x <<｜tool▁calls▁begin｜>"), ToolOpening::kBegun);
  EXPECT_EQ(state_behind(read, "<｜tool▁<｜tool▁call▁begin｜>"), ToolOpening::kBegun + 1);
  EXPECT_EQ(read.states[state_behind(read, "<｜tool▁c")].held, std::string_view("<｜tool▁c").size());
  const WrittenOpening written = written_opening(ToolForm::deepseek, {});
  std::size_t state = written.first;
  for (const char32_t c : std::u32string_view(U"<｜tool▁call")) state = written.next(state, c);
  EXPECT_EQ(written.states[written.next(state, U'▁')].held, 12U);
}

// An answer of gpt-oss begins behind "<|start|>assistant", which may be a call's first words.
TEST(ToolOpeningTest, WhatThePromptHasBegun) {
  const ToolOpening opening = tool_opening(ToolForm::channels, {});
  std::size_t state = opening.first;
  for (const char c : std::string_view(" to=functions.")) state = opening.next(state, c);
  EXPECT_EQ(state, ToolOpening::kBegun);
  EXPECT_EQ(opening.next(opening.first, 'x'), 0U);
}

}  // namespace
}  // namespace plimsoll::grammar
