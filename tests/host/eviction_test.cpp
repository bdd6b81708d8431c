#include "host/eviction.hpp"
#include "host/dispatcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
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

// Sizes in the candidates' order; `free` bytes are there already.
class Trial final : public EvictionTrial {
 public:
  Trial(std::vector<int> sizes, int needed, int free = 0) : sizes_(std::move(sizes)), needed_(needed), free_(free) {}
  void remove(std::size_t candidate) override { free_ += sizes_.at(candidate); }
  void restore(std::size_t candidate) override { free_ -= sizes_.at(candidate); }
  [[nodiscard]] bool fits() const override { return free_ >= needed_; }

 private:
  std::vector<int> sizes_;
  int needed_;
  int free_;
};

std::optional<std::vector<std::string>> chosen(const std::vector<Candidate>& candidates, Trial trial,
                                               const EvictionPolicy& policy = Balanced{}) {
  return choose_victims(candidates, policy, kNow, trial);
}

TEST(EvictionTest, NobodyGoesWhereNobodyHasTo) {
  EXPECT_THAT(chosen({candidate("a", seconds(1))}, {{10}, 5, 5}).value(), IsEmpty());
}

TEST(EvictionTest, NothingIsChosenWhereNotEvenAllHelp) {
  EXPECT_FALSE(chosen({candidate("a", seconds(1))}, {{10}, 11}));
  EXPECT_FALSE(chosen({}, {{}, 1}));
}

TEST(EvictionTest, OneThatSufficesGoesBeforeTwoThatAreMissedLess) {
  const auto victims = chosen({candidate("a", seconds(900)), candidate("b", seconds(800)), candidate("c", seconds(1))},
                              {{10, 10, 20}, 20});
  EXPECT_THAT(victims.value(), ElementsAre("c"));
}

TEST(EvictionTest, RegretIsLessTheLongerIdleTheFasterToLoadAndTheLowerThePriority) {
  const Balanced policy;
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
  const auto victims = chosen({candidate("a", seconds(900)), candidate("b", seconds(1))}, {{10, 10}, 10}, ByName{});
  EXPECT_THAT(victims.value(), ElementsAre("b"));
}

// A hundred of them: a sort that is told no order may read beyond the end.
TEST(EvictionTest, WhatIsNoNumberIsMissedMost) {
  class Undecided final : public EvictionPolicy {
    [[nodiscard]] double regret(const Candidate& one, Clock::TimePoint /*now*/) const override {
      return one.name == "y" ? 1 : one.name == "z" ? 1e9 : std::numeric_limits<double>::quiet_NaN();
    }
  };
  std::vector<Candidate> all;
  for (int i = 0; i < 100; ++i) all.push_back(candidate("m" + std::to_string(i), seconds(i)));
  all.insert(all.begin() + 50, candidate("z", seconds(1)));
  all.push_back(candidate("y", seconds(1)));
  EXPECT_THAT(chosen(all, {std::vector<int>(all.size(), 10), 10}, Undecided{}).value(), ElementsAre("y"));
  EXPECT_THAT(chosen(all, {std::vector<int>(all.size(), 10), 20}, Undecided{}).value(), ElementsAre("y", "z"));
  EXPECT_THAT(chosen(all, {std::vector<int>(all.size(), 10), 20}, Balanced{}).value(), ElementsAre("m98", "m99"));
}

// With more sets than can be tried the answer may not be the smallest, but it suffices and nobody in it is idle weight.
RC_GTEST_PROP(EvictionProperty, TheChosenSufficeAndNoneOfThemIsUnnecessary, ()) {
  std::vector<int> sizes;
  std::vector<Candidate> all;
  int sum = 0;
  const int count = *rc::gen::inRange(0, 30);
  for (int i = 0; i < count; ++i) {
    sizes.push_back(*rc::gen::inRange(1, 50));
    sum += sizes.back();
    all.push_back(candidate("m" + std::to_string(i), seconds(*rc::gen::inRange(0, 1000))));
  }
  const int needed = *rc::gen::inRange(0, sum + 20);
  const auto enough = [&](const std::vector<std::string>& gone) {
    const auto freed = [&](int so_far, const std::string& name) { return so_far + sizes[std::stoul(name.substr(1))]; };
    return std::accumulate(gone.begin(), gone.end(), 0, freed) >= needed;
  };
  const auto victims = chosen(all, {sizes, needed});
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
