// Models that cannot be had: each scenario is a text that must come out as it went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;

TEST(DispatcherFailuresTest, AFailedModelRefusesAtOnceUntilItsNextTryIsDue) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ask 2 a =>
spoil a => failed a; refuse 1 model_unusable; refuse 2 model_unusable
ask 3 a => refuse 3 model_unusable
wait 999 =>
ask 4 a => refuse 4 model_unusable
wait 1 =>
ask 5 a => load a
spoil a => failed a; refuse 5 model_unusable
wait 4999 =>
ask 6 a => refuse 6 model_unusable
wait 1 =>
ask 7 a => load a
spoil a => failed a; refuse 7 model_unusable
wait 29999 =>
ask 8 a => refuse 8 model_unusable
wait 1 =>
ask 9 a => load a
spoil a => failed a; refuse 9 model_unusable
wait 29999 =>
ask 10 a => refuse 10 model_unusable
wait 1 =>
ask 11 a => load a
)");
}

TEST(DispatcherFailuresTest, WhoAsksForARetryHasItAtOnceAndALoadThatWorksBeginsTheCountAnew) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
spoil a => failed a; refuse 1 model_unusable
wait 1000 =>
ask 2 a => load a
spoil a => failed a; refuse 2 model_unusable
retry a =>
ask 3 a => load a
ready a => grant 3
free a =>
leave a => drain a; evict a
gone a =>
ask 4 a => load a
spoil a => failed a; refuse 4 model_unusable
wait 1000 =>
ask 5 a => load a
)");
}

TEST(DispatcherFailuresTest, AFailedModelIsInNobodysWay) {
  expect_played(R"(
budget 100
model a 60
model b 60
ask 1 a => load a
ask 2 b =>
spoil a => failed a; refuse 1 model_unusable; load b
ask 3 a => refuse 3 model_unusable
ready b => grant 2
)");
}

TEST(DispatcherFailuresTest, WantOfMemoryMayPassSoTheNextRequestTriesAgain) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
fail a => refuse 1 out_of_device_memory
ask 2 a => load a
)");
}

TEST(DispatcherFailuresTest, AModelThatIsLostOnceComesBackForWhoeverWaits) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ready a => grant 1
lost a => drain a
ask 2 a =>
free a => evict a
gone a => load a
ready a => grant 2
)");
}

TEST(DispatcherFailuresTest, AModelThatIsLostAgainAndAgainIsFailed) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a => load a
ready a => grant 1
lost a => drain a
free a => evict a
gone a =>
ask 2 a => load a
ready a => grant 2
ask 3 a => grant 3
lost a => drain a
lost a =>
free a =>
ask 4 a =>
free a => evict a
gone a => failed a; refuse 4 engine_failed
ask 5 a => refuse 5 engine_failed
wait 1000 =>
ask 6 a => load a
ready a => grant 6
lost a => drain a
free a => evict a
gone a => failed a
wait 4999 =>
ask 7 a => refuse 7 engine_failed
wait 1 =>
ask 8 a => load a
)");
}

TEST(DispatcherFailuresTest, AModelWhoseProcessIsGivenUpIsFailedUntilItIsAskedToBeLoaded) {
  expect_played(R"(
budget 100
model a 60 slots=2
ask 1 a => load a
ready a => grant 1
give-up a => drain a
ask 2 a =>
lost a =>
free a => evict a
gone a => failed a; refuse 2 engine_failed
wait 3600000 =>
ask 3 a => refuse 3 engine_failed
retry a =>
ask 4 a => load a
ready a => grant 4
free a =>
give-up a => drain a; evict a
gone a => failed a
)");
}

TEST(DispatcherFailuresTest, ALeaseThatEndsWellOrAnotherFileBeginsTheCountOfLossesAnew) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
ready a => grant 1
lost a => drain a
free a => evict a
gone a =>
ask 2 a => load a
ready a => grant 2
free a =>
ask 3 a => grant 3
lost a => drain a
free a => evict a
gone a =>
ask 4 a => load a
ready a => grant 4
change a => drain a
free a => evict a
gone a =>
ask 5 a => load a
ready a => grant 5
)");
}

TEST(DispatcherFailuresTest, APlanThatIsMadeAnewDecidesOnceMoreWhoGoes) {
  expect_played(R"(
budget 100
model a 60
model b 0
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => load b
ask 3 b =>
replan b 70 slots=2 => drain a; evict a
gone a => load b
ready b => grant 2; grant 3
)");
}

TEST(DispatcherFailuresTest, WhatCouldNotBePlannedIsFailedFromTheStart) {
  Dispatcher dispatcher({{.name = "a"}});
  const Dispatcher::Time now{};
  dispatcher.load_failed("a", now, Error(ErrorCode::model_unusable, "there is no such file"));
  (void)dispatcher.ask("a", WhenBusy::wait);
  const std::vector<Decision> decisions = dispatcher.decide(FreeCapacity({}, {}), Balanced{}, now);
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_EQ(std::get<Moved>(decisions[0]).to, ModelState::failed);
  const auto& refusal = std::get<Refuse>(decisions[1]);
  EXPECT_THAT(refusal.why, testing::StartsWith("there is no such file; it is tried again in 1 s"));
  EXPECT_THAT(refusal.numbers, testing::ElementsAre(testing::Pair("retry_in_s", 1U)));
  EXPECT_STREQ(dispatcher.failure("a")->what(), "there is no such file");
}

TEST(DispatcherFailuresTest, AStoppedLoadIsNoFailureAndWhoCameMeanwhileHasItLoaded) {
  expect_played(R"(
budget 100
model a 60
ask 1 a => load a
withdraw 1 =>
ask 2 a =>
stopped a => load a
ready a => grant 2
)");
}

TEST(DispatcherFailuresTest, ALoadIsWantedByWhoWaitsForItAndByWhoAskedForNoSlotUntilItIsUnloaded) {
  Dispatcher dispatcher({{.name = "a"}});
  plan::ModelPlan plan;
  plan.name = "a";
  const FreeCapacity capacity({plan}, {});
  const auto decide = [&] { (void)dispatcher.decide(capacity, Balanced{}, {}); };
  const TicketId slot = dispatcher.ask("a", WhenBusy::wait);
  decide();
  EXPECT_TRUE(dispatcher.is_wanted("a"));
  dispatcher.withdraw(slot);
  EXPECT_FALSE(dispatcher.is_wanted("a"));
  dispatcher.withdraw(dispatcher.ask("a", WhenBusy::wait, false));
  EXPECT_TRUE(dispatcher.is_wanted("a"));  // it was asked to be loaded, not to be used by whoever asked
  dispatcher.let_go("a");
  EXPECT_FALSE(dispatcher.is_wanted("a"));
  dispatcher.load_stopped("a");
  EXPECT_EQ(dispatcher.state("a"), ModelState::absent);
}

TEST(DispatcherFailuresTest, AnUnknownModelIsSaidWithThoseThereAre) {
  const auto words = [](Dispatcher& dispatcher, const std::string& name) -> std::string {
    try {
      (void)dispatcher.ask(name, WhenBusy::wait);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  Dispatcher two({{.name = "a"}, {.name = "b"}});
  EXPECT_EQ(words(two, "c"), "this fleet has no model 'c'; it has a, b");
  two.retire("b");
  EXPECT_EQ(words(two, "b"), "this fleet has no model 'b'; it has a");
  std::vector<ModelRules> many;
  for (char name = 'a'; name <= 'z'; ++name) many.push_back({.name = std::string(1, name)});
  Dispatcher large(many);
  EXPECT_EQ(words(large, "?"), "this fleet has no model '?'; it has a, b, c, d, e, f, g, h, i, j and others");
}

TEST(DispatcherFailuresTest, WhereAPolicyThrowsWhoWasToGoStaysForWhoeverWaitsForIt) {
  class Throwing final : public EvictionPolicy {
    [[nodiscard]] double regret(const Candidate&, Clock::TimePoint) const override {
      throw std::runtime_error("a policy of somebody's own");
    }
  };
  Dispatcher dispatcher({{.name = "a"}, {.name = "b"}});
  std::vector<plan::ModelPlan> plans(2);
  plans[0].name = "a";
  plans[1].name = "b";
  const device::DeviceId gpu{"GPU0"};
  for (plan::ModelPlan& plan : plans) plan.entries.push_back({.device = gpu, .buffer = "GPU0", .bytes = Bytes{60}});
  plan::DeviceState device;
  device.info.id = gpu;
  device.budget = memory::Budget{.bytes = Bytes{100}};
  const FreeCapacity capacity(plans, {device});
  (void)dispatcher.ask("a", WhenBusy::wait);
  (void)dispatcher.decide(capacity, Balanced{}, {});
  dispatcher.warming("a");
  dispatcher.loaded("a", {}, std::chrono::milliseconds(1));
  (void)dispatcher.decide(capacity, Balanced{}, {});
  (void)dispatcher.ask("b", WhenBusy::wait);
  (void)dispatcher.decide(capacity, Balanced{}, {});
  ASSERT_EQ(dispatcher.state("a"), ModelState::draining);
  (void)dispatcher.ask("a", WhenBusy::wait);
  dispatcher.give_back("a", {});
  EXPECT_THROW((void)dispatcher.decide(capacity, Throwing{}, {}), std::runtime_error);
  (void)dispatcher.give_up(ErrorCode::internal, "a policy of somebody's own", {});
  EXPECT_EQ(dispatcher.state("a"), ModelState::ready);
  EXPECT_EQ(dispatcher.leases("a"), 1U);
  EXPECT_EQ(dispatcher.waiting(), 0U);
}

}  // namespace
}  // namespace plimsoll::host
