#include <gtest/gtest.h>

#include "worker/restart_rule.hpp"

namespace plimsoll::worker {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(RestartRuleTest, ItWaitsLongerAfterEachDeathAndGivesUpAtTheFifth) {
  RestartRule rule;
  const RestartRule::Time start{};
  EXPECT_EQ(rule.died(start, false), seconds(0));
  EXPECT_EQ(rule.died(start + seconds(1), false), seconds(1));
  EXPECT_EQ(rule.died(start + seconds(2), false), seconds(5));
  EXPECT_EQ(rule.died(start + seconds(3), false), seconds(30));
  EXPECT_EQ(rule.died(start + minutes(9), false), std::nullopt);
  EXPECT_EQ(rule.deaths(), 5U);
}

TEST(RestartRuleTest, ALifeThatDidItsWorkEndsTheRow) {
  RestartRule rule;
  EXPECT_EQ(rule.died({}, true), seconds(0));
  EXPECT_EQ(rule.died({}, false), seconds(1));
  EXPECT_EQ(rule.died({}, true), seconds(0));
  EXPECT_EQ(rule.died({}, true), seconds(0));
  EXPECT_EQ(rule.died({}, true), std::nullopt) << "five are too many, whatever was done in between";
}

TEST(RestartRuleTest, DeathsOfLongAgoDoNotCount) {
  RestartRule rule;
  RestartRule::Time now{};
  for (int i = 0; i < 20; ++i, now += minutes(4)) EXPECT_TRUE(rule.died(now, false)) << i;
  EXPECT_LE(rule.deaths(), 3U);
  now += minutes(11);
  EXPECT_EQ(rule.died(now, false), seconds(0));
}

TEST(RestartRuleTest, WithoutALimitItIsNeverGivenUp) {
  RestartRule rule(0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rule.died({}, true), seconds(0));
}

}  // namespace
}  // namespace plimsoll::worker
