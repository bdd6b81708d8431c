#include "host/eviction_policies.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "host/fleet.hpp"

namespace plimsoll::host {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

const Clock::TimePoint kNow{hours(24 * 60)};

Candidate candidate(const std::string& name, seconds idle, milliseconds reload, int priority = 0) {
  return {.name = name, .last_used = kNow - idle, .reload_time = reload, .priority = priority};
}

// In the order in which they would go.
std::vector<std::string> order(const char* policy, std::vector<Candidate> candidates) {
  const auto chosen = eviction_policy(policy);
  std::ranges::sort(candidates, {}, [&](const Candidate& one) { return chosen->regret(one, kNow); });
  std::vector<std::string> out;
  for (const Candidate& one : candidates) out.push_back(one.name);
  return out;
}

const std::vector<Candidate> kThree{candidate("large", seconds(600), seconds(60)),
                                    candidate("small", seconds(30), milliseconds(200)),
                                    candidate("dear", seconds(700), milliseconds(300), 1)};

TEST(EvictionPoliciesTest, EachHasItsOwnOrder) {
  EXPECT_THAT(order("balanced", kThree), ElementsAre("dear", "small", "large"));
  EXPECT_THAT(order("lru", kThree), ElementsAre("dear", "large", "small"));
  EXPECT_THAT(order("reload-time", kThree), ElementsAre("small", "dear", "large"));
  EXPECT_THAT(order("priority", kThree), ElementsAre("small", "large", "dear"));
}

TEST(EvictionPoliciesTest, NoCostOutweighsAPriority) {
  EXPECT_THAT(order("priority", {candidate("in use", seconds(0), seconds(600), -20),
                                 candidate("long idle", hours(24 * 30), milliseconds(10), -19)}),
              ElementsAre("in use", "long idle"));
  EXPECT_THAT(order("priority", {candidate("in use", seconds(0), seconds(600), 19),
                                 candidate("long idle", hours(24 * 30), milliseconds(10), 20)}),
              ElementsAre("in use", "long idle"));
}

TEST(EvictionPoliciesTest, AmongEqualPrioritiesItIsAsByDefault) {
  std::vector<Candidate> equal = kThree;
  for (Candidate& one : equal) one.priority = 7;
  EXPECT_EQ(order("priority", equal), order("balanced", equal));
}

TEST(EvictionPoliciesTest, RegretsAreNeverNegativeAndAClockSetBackHarmsNothing) {
  for (const std::string& name : eviction_policy_names()) {
    const auto policy = eviction_policy(name);
    ASSERT_TRUE(policy) << name;
    for (const int priority : {-20, 0, 20}) {
      EXPECT_GE(policy->regret(candidate("a", seconds(-10), milliseconds(5), priority), kNow), 0) << name;
      EXPECT_GE(policy->regret(candidate("a", hours(1000), milliseconds(0), priority), kNow), 0) << name;
    }
  }
}

TEST(EvictionPoliciesTest, WhatIsNoneIsSaidWithThoseThereAre) {
  EXPECT_FALSE(eviction_policy("mru"));
  const std::string sentence = unknown_eviction_policy("mru");
  for (const std::string& name : eviction_policy_names()) EXPECT_TRUE(sentence.contains(name)) << sentence;
  Fleet fleet;
  fleet.models.emplace_back();
  fleet.models.back().request.name = "a";
  fleet.models.back().request.dry_run.model.path = "a.gguf";
  EXPECT_TRUE(contradictions(fleet).empty());
  fleet.eviction = "mru";
  EXPECT_THAT(contradictions(fleet), ElementsAre(sentence));
}

}  // namespace
}  // namespace plimsoll::host
