// What others hold, and what is free at the moment: each scenario is a text that must come out as it went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scenario.hpp"

namespace plimsoll::host {
namespace {

using test::expect_played;
using ::testing::ElementsAre;
using ::testing::Pair;

TEST(DispatcherReadingsTest, NobodyGoesForALoadThatWouldBeRefusedSinceOthersHoldTheMemory) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 80
ask 1 a => load a
ready a => grant 1
free a =>
others 30 =>
ask 2 b => refuse 2 out_of_device_memory
ask 3 a => grant 3
)");
}

TEST(DispatcherReadingsTest, WhatOthersHoldIsNoReasonForEver) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 80
ask 1 a => load a
ready a => grant 1
free a =>
others 30 =>
ask 2 b => refuse 2 out_of_device_memory
others 10 =>
ask 3 b => drain a; evict a
gone a => load b
)");
}

TEST(DispatcherReadingsTest, WhereOurOwnBudgetIsShortItIsForGood) {
  expect_played(R"(
budget 50
total 100
model a 60
others 90 =>
ask 1 a => refuse 1 over_budget
ask 2 a insist => refuse 2 over_budget
)");
}

TEST(DispatcherReadingsTest, WhoWaitsForWhatOthersHoldIsServedWhenTheyGiveItBack) {
  expect_played(R"(
budget 100
total 100
model a 40
model b 80
others 30 =>
ask 1 b insist => postpone 1
ask 2 a => load a
ready a => grant 2
free a =>
wait 1000 =>
others 20 => drain a; evict a
gone a => load b
ready b => grant 1
)");
}

// A backend keeps of a model what it once made for it: that does not come back with the model.
TEST(DispatcherReadingsTest, WhatABackendKeepsDoesNotComeBackWithAVictim) {
  expect_played(R"(
budget 100
total 100
model a 40 runtime=20
model b 60
others 10 =>
ask 1 a => load a
ready a => grant 1
free a =>
others 30 =>
ask 2 b => refuse 2 out_of_device_memory
ask 3 a => grant 3
)");
}

TEST(DispatcherReadingsTest, WhatComesBetweenTheEvictionAndTheLoadIsSeen) {
  expect_played(R"(
budget 100
total 100
model a 60
model b 60
ask 1 a => load a
ready a => grant 1
free a =>
ask 2 b => drain a; evict a
others 90 =>
gone a => refuse 2 out_of_device_memory
)");
}

TEST(DispatcherReadingsTest, AModelWhoseDeviceIsLostGoesAndIsLoadedAnewForTheNextRequest) {
  expect_played(R"(
budget 100
model a 60 pinned slots=2
ask 1 a => load a
ready a => grant 1
lost a => drain a
ask 2 a =>
free a => evict a
gone a => load a
ready a => grant 2
)");
}

TEST(DispatcherReadingsTest, TheRefusalSaysWhoHoldsIt) {
  Dispatcher dispatcher({{.name = "a"}});
  plan::ModelPlan plan;
  plan.name = "a";
  const device::DeviceId gpu{"GPU0"};
  plan.entries.push_back({.device = gpu, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = 60_MiB});
  plan::DeviceState device;
  device.info.id = gpu;
  device.budget = memory::Budget{.bytes = 100_MiB};
  FreeCapacity capacity({plan}, {device});
  capacity.look_again(
      {device}, Moment{.free = {{gpu, 20_MiB}}, .others = {{gpu, 80_MiB}}, .promised_to_others = {}, .holdings = {}});
  (void)dispatcher.ask("a", WhenBusy::wait);
  const auto decisions = dispatcher.decide(capacity, Balanced{}, {});
  ASSERT_EQ(decisions.size(), 1U);
  const auto& refusal = std::get<Refuse>(decisions.front());
  EXPECT_EQ(refusal.why, "'a' does not fit now: " + format_bytes(60_MiB) + " needed on GPU0, where " +
                             format_bytes(20_MiB) + " are free and others hold " + format_bytes(80_MiB));
  EXPECT_THAT(refusal.numbers, ElementsAre(Pair("needed", (60_MiB).value()), Pair("available", (20_MiB).value()),
                                           Pair("held_by_others", (80_MiB).value())));
}

// What stays has pages that it has not touched yet; they are free, and not for others.
TEST(DispatcherReadingsTest, WhatIsPromisedToThoseThatStayIsNotFree) {
  const device::DeviceId gpu{"GPU0"};
  std::vector<plan::ModelPlan> plans;
  for (const char* name : {"a", "b"}) {
    plan::ModelPlan plan;
    plan.name = name;
    plan.entries.push_back({.device = gpu, .buffer = "GPU0", .stage = memory::Stage::kv_cache, .bytes = 60_B});
    plans.push_back(plan);
  }
  plan::DeviceState device;
  device.info.id = gpu;
  FreeCapacity capacity(plans, {device});
  Moment moment{.free = {{gpu, 90_B}},
                .others = {},
                .promised_to_others = {},
                .holdings = {{.owner = "a", .device = gpu, .comes_back = 10_B, .promised = 50_B}}};
  capacity.look_again({device}, moment);
  EXPECT_FALSE(capacity.admits("b", {"a"}, {}));
  EXPECT_TRUE(capacity.admits("b", {}, {"a"}));
  moment.free = {{gpu, 110_B}};
  capacity.look_again({device}, moment);
  EXPECT_TRUE(capacity.admits("b", {"a"}, {}));
}

TEST(DispatcherReadingsTest, ASetOfBuffersIsWantedOnceAndComesBackWithItsComputeGroup) {
  const device::DeviceId gpu{"GPU0"};
  std::vector<plan::ModelPlan> plans;
  for (const char* name : {"a", "b"}) {
    plan::ModelPlan plan;
    plan.name = name;
    plan.compute_group = "main";
    plan.entries.push_back({.device = gpu, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = 30_B});
    plan.entries.push_back({.device = gpu, .buffer = "GPU0", .stage = memory::Stage::compute, .bytes = 20_B});
    plans.push_back(plan);
  }
  plan::DeviceState device;
  device.info.id = gpu;
  FreeCapacity capacity(plans, {device});
  const auto with_free = [&](Bytes free, bool a_is_here) {
    Moment moment{.free = {{gpu, free}}, .others = {}, .promised_to_others = {}, .holdings = {}};
    if (a_is_here) {
      moment.holdings = {{.owner = "a", .device = gpu, .comes_back = 30_B, .promised = {}},
                         {.owner = "group:main", .device = gpu, .comes_back = 20_B, .promised = {}}};
    }
    capacity.look_again({device}, moment);
  };
  with_free(49_B, false);
  EXPECT_FALSE(capacity.admits("b", {}, {}));
  with_free(50_B, false);
  EXPECT_TRUE(capacity.admits("b", {}, {}));
  with_free(29_B, true);
  EXPECT_FALSE(capacity.admits("b", {"a"}, {}));
  with_free(30_B, true);
  EXPECT_TRUE(capacity.admits("b", {"a"}, {}));
  with_free(0_B, true);
  EXPECT_TRUE(capacity.admits("b", {}, {"a"}));
}

// The loader sleeps until somebody has to look again: by a clock that is set back meanwhile that would be an hour.
TEST(DispatcherReadingsTest, WhoWaitsForWhatOthersHoldIsLookedAtThoughTheClockIsSetBack) {
  expect_played(R"(
budget 100
total 100
model a 60
others 90 =>
ask 1 a insist => postpone 1
set-back 3600000 => sleeps 10000
wait 10000 =>
set-back 0 => sleeps 1000
others 0 => load a
)");
}

}  // namespace
}  // namespace plimsoll::host
