#include <plimsoll/host/eviction.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <numeric>

namespace plimsoll::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Clock::TimePoint kNow{std::chrono::hours(1)};

Candidate candidate(const std::string& name, seconds idle, milliseconds reload = milliseconds(100), int priority = 0) {
  return {.name = name, .last_used = kNow - idle, .reload_time = reload, .priority = priority};
}

// Sizes by name; `free` bytes are there already.
auto fits(std::map<std::string, int> sizes, int needed, int free = 0) {
  return [=](const std::vector<std::string>& gone) {
    return free + std::accumulate(gone.begin(), gone.end(), 0,
                                  [&](int sum, const std::string& name) { return sum + sizes.at(name); }) >=
           needed;
  };
}

TEST(EvictionTest, NobodyGoesWhereNobodyHasTo) {
  EXPECT_THAT(choose_victims({candidate("a", seconds(1))}, LeastRecentlyUsed{}, kNow, fits({{"a", 10}}, 5, 5)).value(),
              IsEmpty());
}

TEST(EvictionTest, NothingIsChosenWhereNotEvenAllHelp) {
  EXPECT_FALSE(choose_victims({candidate("a", seconds(1))}, LeastRecentlyUsed{}, kNow, fits({{"a", 10}}, 11)));
  EXPECT_FALSE(choose_victims({}, LeastRecentlyUsed{}, kNow, fits({}, 1)));
}

TEST(EvictionTest, OneThatSufficesGoesBeforeTwoThatAreMissedLess) {
  const auto victims =
      choose_victims({candidate("a", seconds(900)), candidate("b", seconds(800)), candidate("c", seconds(1))},
                     LeastRecentlyUsed{}, kNow, fits({{"a", 10}, {"b", 10}, {"c", 20}}, 20));
  EXPECT_THAT(victims.value(), ElementsAre("c"));
}

TEST(EvictionTest, RegretIsLessTheLongerIdleTheFasterToLoadAndTheLowerThePriority) {
  const LeastRecentlyUsed policy;
  const double usual = policy.regret(candidate("a", seconds(10)), kNow);
  EXPECT_LT(policy.regret(candidate("a", seconds(20)), kNow), usual);
  EXPECT_GT(policy.regret(candidate("a", seconds(10), milliseconds(200)), kNow), usual);
  EXPECT_GT(policy.regret(candidate("a", seconds(10), milliseconds(100), 1), kNow), usual);
  EXPECT_LT(policy.regret(candidate("a", seconds(10), milliseconds(100), -1), kNow), usual);
  EXPECT_GT(policy.regret(candidate("a", seconds(-10)), kNow), usual);  // a clock that was set back
}

TEST(EvictionTest, APolicyOfOnesOwnDecides) {
  class ByName final : public EvictionPolicy {
    [[nodiscard]] double regret(const Candidate& one, Clock::TimePoint /*now*/) const override {
      return one.name == "b" ? 0 : 1;
    }
  };
  const auto victims = choose_victims({candidate("a", seconds(900)), candidate("b", seconds(1))}, ByName{}, kNow,
                                      fits({{"a", 10}, {"b", 10}}, 10));
  EXPECT_THAT(victims.value(), ElementsAre("b"));
}

// With more sets than can be tried the answer may not be the smallest, but it suffices and nobody in it is idle weight.
RC_GTEST_PROP(EvictionProperty, TheChosenSufficeAndNoneOfThemIsUnnecessary, ()) {
  std::map<std::string, int> sizes;
  std::vector<Candidate> all;
  int sum = 0;
  const int count = *rc::gen::inRange(0, 30);
  for (int i = 0; i < count; ++i) {
    const std::string name = "m" + std::to_string(i);
    sizes[name] = *rc::gen::inRange(1, 50);
    sum += sizes[name];
    all.push_back(candidate(name, seconds(*rc::gen::inRange(0, 1000))));
  }
  const int needed = *rc::gen::inRange(0, sum + 20);
  const auto enough = fits(sizes, needed);
  const auto victims = choose_victims(all, LeastRecentlyUsed{}, kNow, enough);
  RC_ASSERT(victims.has_value() == (needed <= sum));
  if (!victims) return;
  RC_ASSERT(enough(*victims));
  for (std::size_t i = 0; i < victims->size(); ++i) {
    std::vector<std::string> without = *victims;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    RC_ASSERT(!enough(without));
  }
}

}  // namespace
}  // namespace plimsoll::host
