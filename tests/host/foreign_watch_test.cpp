// Programs that are not Plimsoll's take memory of a card, second by second: which models go for them, and come back.
#include "host/foreign_watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>

#include "host/eviction_policies.hpp"

namespace plimsoll::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const device::DeviceId kCard{"CUDA0"};
const device::DeviceId kHost = device::host();
constexpr Bytes kCardTotal = 24_GiB;
constexpr Bytes kHostTotal = 64_GiB;

struct Loaded {
  AmountsByMemory holds;
  bool is_idle = true;
  int idle_seconds = 60;
  bool is_coming = false;
  bool is_going = false;
};

// Models that go are gone at the next second, unless they are told to take longer.
class ForeignWatchTest : public testing::Test {
 protected:
  ForeignWatchTest() { watch.leave(2_GiB); }

  void model(const std::string& name, Bytes on_card, int idle_seconds = 60, Bytes on_host = 0_B) {
    Loaded loaded{.holds = {}, .idle_seconds = idle_seconds};
    if (on_card > 0_B) loaded.holds[kCard] = on_card;
    if (on_host > 0_B) loaded.holds[kHost] = on_host;
    models[name] = loaded;
  }

  // One look, a second after the one before.
  ForeignWatch::Decision second() {
    now += std::chrono::seconds(1);
    std::vector<StandingModel> standing;
    Bytes on_card;
    Bytes on_host;
    for (const auto& [name, one] : models) {
      standing.push_back({.candidate = {.name = name,
                                        .last_used = now - std::chrono::seconds(one.idle_seconds),
                                        .reload_time = std::chrono::seconds(1)},
                          .may_go = one.is_idle,
                          .is_coming = one.is_coming,
                          .is_going = one.is_going,
                          .comes_back = one.holds});
      if (one.holds.contains(kCard)) on_card += one.holds.at(kCard);
      if (one.holds.contains(kHost)) on_host += one.holds.at(kHost);
    }
    const auto decision = watch.look(
        {{.memory = kCard, .free = saturating_sub(kCardTotal, on_card + foreign), .foreign = foreign},
         {.memory = kHost, .free = saturating_sub(kHostTotal, on_host + foreign_on_host), .foreign = foreign_on_host}},
        standing, *policy, now);
    for (const std::string& name : decision.go) {
      went.push_back(name);
      gone[name] = models.at(name);
      models.erase(name);
    }
    if (decision.comes_back) {
      came_back.push_back(*decision.comes_back);
      if (may_come_back) models[*decision.comes_back] = gone.at(*decision.comes_back);
    }
    return decision;
  }
  void seconds(int count) {
    for (int i = 0; i < count; ++i) (void)second();
  }

  ForeignWatch watch;
  Clock::TimePoint now{std::chrono::hours(1000)};
  std::map<std::string, Loaded> models;
  std::map<std::string, Loaded> gone;
  Bytes foreign = 500_MiB;
  Bytes foreign_on_host = 4_GiB;
  std::vector<std::string> went;
  std::vector<std::string> came_back;
  bool may_come_back = true;
  std::shared_ptr<const EvictionPolicy> policy = eviction_policy("lru");
};

// Knows nothing of one model.
struct Ignorant final : EvictionPolicy {
  [[nodiscard]] double regret(const Candidate& candidate, Clock::TimePoint) const override {
    return candidate.name == "unknown" ? std::numeric_limits<double>::quiet_NaN() : 1;
  }
};

TEST_F(ForeignWatchTest, WhereEnoughIsLeftNobodyGoes) {
  model("a", 8_GiB);
  model("b", 8_GiB);
  seconds(10);
  foreign = 5_GiB;  // 3 GiB are left
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
}

TEST_F(ForeignWatchTest, TheSmallestSetGoesTheLeastMissedFirst) {
  model("old", 4_GiB, 600);
  model("new", 4_GiB, 10);
  model("large", 9_GiB, 1000);
  seconds(10);
  foreign = 6_GiB;  // 1 GiB is left: one of them is enough, and the one idle for longest is the least missed
  seconds(30);
  EXPECT_THAT(went, ElementsAre("large"));
}

TEST_F(ForeignWatchTest, SeveralGoWhereOneIsNotEnough) {
  model("busy", 18_GiB);
  models["busy"].is_idle = false;
  model("a", 1_GiB, 600);
  model("b", 1_GiB, 500);
  model("c", 1_GiB, 400);
  seconds(10);
  foreign = 3_GiB;  // nothing is left
  seconds(30);
  EXPECT_THAT(went, ElementsAre("a", "b"));
  foreign = 4_GiB;
  seconds(30);
  EXPECT_THAT(went, ElementsAre("a", "b", "c"));
}

TEST_F(ForeignWatchTest, ThePinnedAndTheBusyStay) {
  model("busy", 10_GiB);
  model("idle", 1_GiB);
  models["busy"].is_idle = false;
  seconds(10);
  foreign = 13_GiB;
  seconds(10);
  EXPECT_THAT(went, ElementsAre("idle"));  // it does not suffice, and is something
  models["busy"].is_idle = true;
  seconds(10);
  EXPECT_THAT(went, ElementsAre("idle", "busy"));
}

TEST_F(ForeignWatchTest, ItComesBackWhenTheProgramHasGone) {
  model("a", 10_GiB);
  model("b", 8_GiB);
  seconds(10);
  foreign = 6_GiB;
  seconds(60);
  EXPECT_THAT(went, testing::SizeIs(1));
  EXPECT_THAT(came_back, IsEmpty());
  foreign = 500_MiB;
  seconds(9);
  EXPECT_THAT(came_back, IsEmpty());
  seconds(10);
  EXPECT_EQ(came_back, went);
  seconds(60);
  EXPECT_THAT(went, testing::SizeIs(1));
}

TEST_F(ForeignWatchTest, TheMostMissedComesBackFirstAndOneAtATime) {
  model("old", 5_GiB, 900);
  model("new", 5_GiB, 30);
  seconds(10);
  foreign = 22_GiB;
  seconds(10);
  EXPECT_THAT(went, testing::UnorderedElementsAre("old", "new"));
  foreign = 500_MiB;
  seconds(60);
  EXPECT_THAT(came_back, ElementsAre("new", "old"));
}

// Somebody waited for another model just then, say.
TEST_F(ForeignWatchTest, WhoCouldNotComeBackAtThatMomentIsTriedAgain) {
  model("a", 20_GiB);
  seconds(10);
  foreign = 3_GiB;
  seconds(10);
  ASSERT_THAT(went, ElementsAre("a"));
  foreign = 500_MiB;
  may_come_back = false;
  seconds(17);
  EXPECT_THAT(came_back, ElementsAre("a"));
  may_come_back = true;
  seconds(60);
  EXPECT_THAT(came_back, ElementsAre("a", "a"));
}

// As where models are to go, no number counts as the most missed.
TEST_F(ForeignWatchTest, OneWhoseRegretIsNoNumberComesBackFirst) {
  policy = std::make_shared<Ignorant>();
  model("known", 5_GiB);
  model("unknown", 5_GiB);
  model("zealous", 5_GiB);
  seconds(10);
  foreign = 22_GiB;
  seconds(20);
  ASSERT_THAT(went, testing::SizeIs(3));
  foreign = 500_MiB;
  seconds(60);
  EXPECT_THAT(came_back, ElementsAre("unknown", "known", "zealous"));
}

TEST_F(ForeignWatchTest, ItComesBackWhereTheProgramHasGoneThoughLessIsLeftThanWanted) {
  model("a", 11_GiB);
  model("b", 11_GiB);  // 1.5 GiB are left from the start, by the fleet's own choice
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
  foreign = 2_GiB;
  seconds(30);
  EXPECT_THAT(went, testing::SizeIs(1));
  foreign = 500_MiB;
  seconds(30);
  EXPECT_EQ(came_back, went);
}

TEST_F(ForeignWatchTest, NoMoreGoesThanTheProgramsHaveTaken) {
  for (int i = 0; i < 11; ++i) model("m" + std::to_string(i), 2_GiB);
  seconds(10);
  foreign = 1500_MiB;  // 0.5 GiB are left; 1 GiB was taken
  seconds(60);
  EXPECT_THAT(went, testing::SizeIs(1));
}

TEST_F(ForeignWatchTest, WhatOneLookAloneSaysIsNothing) {
  model("a", 20_GiB);
  seconds(10);
  for (int i = 0; i < 20; ++i) {
    foreign = i % 2 == 0 ? 3_GiB : 500_MiB;
    (void)second();
  }
  EXPECT_THAT(went, IsEmpty());
  foreign = 100_MiB;  // nor is it what they ever held least
  (void)second();
  foreign = 500_MiB;
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
}

TEST_F(ForeignWatchTest, SmallChangesAreNothing) {
  model("a", 22_GiB);
  seconds(10);
  std::minstd_rand random(3);
  for (int i = 0; i < 300; ++i) {
    foreign = 500_MiB + Bytes{random() % (100U << 20U)};
    (void)second();
  }
  EXPECT_THAT(went, IsEmpty());
}

TEST_F(ForeignWatchTest, AProgramThatWasThereWhenTheFleetWasPlannedIsNoShortage) {
  foreign = 20_GiB;
  model("a", 3_GiB);
  models["a"].is_idle = false;
  seconds(60);
  EXPECT_THAT(went, IsEmpty());
  foreign = 500_MiB;  // it goes, and room is made use of
  seconds(5);
  model("b", 18_GiB);
  seconds(10);
  foreign = 20_GiB;  // it comes again
  seconds(5);
  EXPECT_THAT(went, ElementsAre("b"));
}

// Its buffers are charged before they are there: for a moment others seem to hold less, and more a moment later.
TEST_F(ForeignWatchTest, WhatIsSeenWhileAModelIsLoadedIsNothing) {
  model("a", 10_GiB);
  foreign = 2_GiB;
  seconds(10);
  model("b", 9_GiB);
  models["b"].is_coming = true;
  foreign = 0_B;
  seconds(5);
  models["b"].is_coming = false;
  foreign = 2_GiB;
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
}

TEST_F(ForeignWatchTest, WhatIsOnItsWayOutAlreadyIsWaitedFor) {
  model("a", 10_GiB);
  model("b", 10_GiB);
  models["a"].is_going = true;
  seconds(10);
  foreign = 3_GiB;
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
  models.erase("a");
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
}

TEST_F(ForeignWatchTest, AModelGoesForTheMemoryThatMostOfItLiesIn) {
  model("card", 10_GiB, 900, 1_GiB);
  model("host", 0_B, 30, 40_GiB);
  seconds(10);
  foreign_on_host = 22_GiB;
  seconds(30);
  EXPECT_THAT(went, ElementsAre("host"));
}

TEST_F(ForeignWatchTest, WhoWasAskedForMeanwhileIsNotBroughtBackTwice) {
  model("a", 20_GiB);
  seconds(10);
  foreign = 3_GiB;
  seconds(10);
  ASSERT_THAT(went, ElementsAre("a"));
  foreign = 500_MiB;
  models["a"] = gone["a"];  // a request had it loaded
  seconds(30);
  EXPECT_THAT(came_back, IsEmpty());
  EXPECT_THAT(went, ElementsAre("a"));
}

TEST_F(ForeignWatchTest, WhatIsForgottenDoesNotComeBack) {
  model("a", 20_GiB);
  seconds(10);
  foreign = 3_GiB;
  seconds(10);
  watch.forget("a");
  foreign = 500_MiB;
  seconds(30);
  EXPECT_THAT(came_back, IsEmpty());
}

TEST_F(ForeignWatchTest, TurnedOffNobodyGoes) {
  watch.leave(0_B);
  model("a", 20_GiB);
  seconds(10);
  foreign = 4_GiB;
  seconds(30);
  EXPECT_THAT(went, IsEmpty());
  watch.leave(2_GiB);
  seconds(5);
  EXPECT_THAT(went, ElementsAre("a"));
}

TEST_F(ForeignWatchTest, AClockThatIsSetBackIsSurvived) {
  model("a", 20_GiB);
  seconds(10);
  now -= std::chrono::hours(1);
  foreign = 3_GiB;
  seconds(10);
  EXPECT_THAT(went, ElementsAre("a"));
  foreign = 500_MiB;
  seconds(5);
  now -= std::chrono::hours(1);
  seconds(15);
  EXPECT_THAT(came_back, ElementsAre("a"));
}

// Whatever programs do: a model that nobody asks for does not go and come again and again.
TEST_F(ForeignWatchTest, NoFlapping) {
  std::minstd_rand random(5);
  for (int i = 0; i < 5; ++i) model("m" + std::to_string(i), 4_GiB, 60 + i);
  seconds(10);
  for (int minute = 0; minute < 200; ++minute) {
    foreign = Bytes{random() % 20} * (1U << 30U);
    const std::size_t before = went.size() + came_back.size();
    seconds(60);
    ASSERT_LE(went.size() + came_back.size() - before, 5U);
    seconds(60);
    const std::size_t settled = went.size() + came_back.size();
    seconds(60);
    ASSERT_EQ(went.size() + came_back.size(), settled) << minute;
  }
}

}  // namespace
}  // namespace plimsoll::host
