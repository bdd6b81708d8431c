#include "monitor/thresholds.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace plimsoll::monitor {
namespace {

// "57:below 90:warn ...": percent of the budget, and where that leads; "." where nothing changes.
std::string levels(const std::vector<std::uint64_t>& percents) {
  ThresholdWatch watch({.warn = 0.85, .high = 0.95});
  std::string out;
  for (const std::uint64_t percent : percents) {
    const auto change = watch.update(Bytes{percent}, 100_B);
    out += out.empty() ? "" : " ";
    out += change ? std::string(to_string(change->to)) : ".";
  }
  return out;
}

TEST(ThresholdWatchTest, EachLevelIsReachedAtItsShare) {
  EXPECT_EQ(levels({0, 84, 85, 94, 95, 99, 100, 130}), ". . warn . high . at_budget .");
}

TEST(ThresholdWatchTest, ALevelIsLeftOnlyClearlyBelowIt) {
  EXPECT_EQ(levels({85, 84, 85, 84, 83, 82}), "warn . . . . below");
  EXPECT_EQ(levels({95, 94, 93, 92, 94, 95}), "high . . warn . high");
  EXPECT_EQ(levels({100, 99, 98, 97}), "at_budget . . high");
}

TEST(ThresholdWatchTest, SeveralLevelsAtOnceAreOneChange) { EXPECT_EQ(levels({100, 10, 96}), "at_budget below high"); }

TEST(ThresholdWatchTest, AChangeSaysWhereItCameFromAndTheShare) {
  ThresholdWatch watch;
  (void)watch.update(90_B, 100_B);
  const auto change = watch.update(96_B, 100_B);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->from, Level::warn);
  EXPECT_EQ(change->to, Level::high);
  EXPECT_DOUBLE_EQ(change->share, 0.96);
}

TEST(ThresholdWatchTest, ABudgetOfNothingIsReached) {
  ThresholdWatch watch;
  EXPECT_TRUE(watch.update(0_B, 0_B));
  EXPECT_EQ(watch.level(), Level::at_budget);
}

}  // namespace
}  // namespace plimsoll::monitor
