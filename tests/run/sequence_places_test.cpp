// Which two sequences are exchanged so that those at work stand together.
#include "sequence_places.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll::run {
namespace {

std::vector<bool> places(const std::string& text) {
  std::vector<bool> out;
  for (const char c : text) out.push_back(c == '#');
  return out;
}

// One exchange after the other, as they are made.
std::vector<std::string> steps(std::string text) {
  std::vector<std::string> out;
  while (const auto exchange = better_places(places(text))) {
    EXPECT_EQ(text[static_cast<std::size_t>(exchange->at_work)], '#');
    EXPECT_EQ(text[static_cast<std::size_t>(exchange->other)], '.');
    std::swap(text[static_cast<std::size_t>(exchange->at_work)], text[static_cast<std::size_t>(exchange->other)]);
    out.push_back(text);
    if (out.size() > text.size()) break;
  }
  return out;
}

using Steps = std::vector<std::string>;

TEST(SequencePlacesTest, ThoseThatStandTogetherStay) {
  for (const char* text : {"", "....", "#...", "..#.", ".##.", "####", "..##"}) EXPECT_EQ(steps(text), Steps{}) << text;
}

TEST(SequencePlacesTest, OneThatStandsApartComesToTheOthers) {
  EXPECT_EQ(steps("##.#").size(), 1U);
  EXPECT_EQ(steps("#..#").size(), 1U);
  EXPECT_EQ(steps("#.#.#.#.").size(), 2U);
}

TEST(SequencePlacesTest, TwoPartsBecomeOneThoughTheFirstExchangeLeavesTwo) {
  const Steps made = steps("##..##..");
  ASSERT_EQ(made.size(), 2U);
  EXPECT_NE(made.back().find("####"), std::string::npos);
}

TEST(SequencePlacesTest, ItAlwaysEndsWithOnePart) {
  for (unsigned mask = 0; mask < 1U << 9U; ++mask) {
    std::string text;
    for (unsigned i = 0; i < 9; ++i) text += (mask >> i & 1U) != 0 ? '#' : '.';
    const Steps made = steps(text);
    const std::string last = made.empty() ? text : made.back();
    const auto from = last.find('#');
    const auto to = last.rfind('#');
    EXPECT_TRUE(from == std::string::npos || last.find('.', from) > to) << text << " " << last;
    EXPECT_LE(made.size(), 5U) << text;
  }
}

}  // namespace
}  // namespace plimsoll::run
