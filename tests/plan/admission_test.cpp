// Laying out, adding up, admitting: the pure arithmetic of a plan.
#include "plan/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

using memory::Stage;
using ::testing::ElementsAre;

DeviceVerdict verdict_of(Bytes required, const DeviceState& state) {
  return admit({model_of({buffer(state.info.id, Stage::weights, required)})}, {state}).front();
}

TEST(LayOutTest, TheDryRunsEntriesAreExactAndTheRuntimesSayWhereTheyComeFrom) {
  const dry_run::DryRun dry_run = gpu_dry_run();
  const ModelPlan model = lay_out(request(), dry_run,
                                  {{kGpu, {.bytes = 512_MiB, .source = Source::calibrated}},
                                   {device::DeviceId{"Vulkan1"}, {.bytes = 0_B, .source = Source::estimated}}});
  ASSERT_EQ(model.entries.size(), dry_run.entries.size() + 1);
  for (std::size_t i = 0; i < dry_run.entries.size(); ++i) {
    EXPECT_EQ(model.entries[i].bytes, dry_run.entries[i].bytes);
    EXPECT_EQ(model.entries[i].charged, dry_run.entries[i].charged);
    EXPECT_EQ(model.entries[i].source, Source::exact);
  }
  EXPECT_EQ(model.entries.back(), (Entry{.device = kGpu,
                                         .buffer = "Vulkan0",
                                         .stage = Stage::runtime,
                                         .bytes = 512_MiB,
                                         .source = Source::calibrated}));
}

TEST(ComputingDevicesTest, AreTheAcceleratorsElseTheHost) {
  dry_run::DryRun dry_run = gpu_dry_run();
  EXPECT_THAT(computing_devices(dry_run), ElementsAre(kGpu));
  std::erase_if(dry_run.entries, [](const dry_run::BufferEntry& entry) { return entry.device == kGpu; });
  EXPECT_THAT(computing_devices(dry_run), ElementsAre(kHost));
}

TEST(RequiredTest, ModelsThatTakeTurnsShareComputePerBufferTypeAndNothingElse) {
  ModelPlan a = model_of(
      {buffer(kGpu, Stage::weights, 100_B), buffer(kGpu, Stage::compute, 30_B),
       buffer(kHost, Stage::compute, 7_B, "Vulkan_Host"), buffer(kHost, Stage::weights, 900_B, "CPU_Mapped", false)},
      "a");
  ModelPlan b = model_of({buffer(kGpu, Stage::weights, 200_B), buffer(kGpu, Stage::output, 3_B),
                          buffer(kGpu, Stage::compute, 50_B), buffer(kHost, Stage::compute, 5_B, "CPU")},
                         "b");
  EXPECT_EQ(required_on(kGpu, {a}), 130_B);
  EXPECT_EQ(required_on(kGpu, {b}), 253_B);
  EXPECT_EQ(required_on(kGpu, {a, b}), 383_B);  // no compute group: nothing is shared
  a.compute_group = b.compute_group = "main";
  EXPECT_EQ(required_on(kGpu, {a}), 130_B);
  EXPECT_EQ(required_on(kGpu, {a, b}), 353_B);
  EXPECT_EQ(required_on(kHost, {a, b}), 12_B);  // two buffer types are two sets of compute buffers
  EXPECT_EQ(required_on(device::DeviceId{"Vulkan1"}, {a, b}), 0_B);
  b.compute_group = "other";
  EXPECT_EQ(required_on(kGpu, {a, b}), 383_B);
}

TEST(ReservationEntriesTest, AreTheChargedOnesUnderTheModelsName) {
  const ModelPlan model =
      model_of({buffer(kGpu, Stage::weights, 100_B), buffer(kHost, Stage::weights, 900_B, "CPU_Mapped", false)}, "m");
  const auto entries = reservation_entries(model);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].bytes, 100_B);
  EXPECT_EQ(entries[0].tag, (memory::Tag{.device = kGpu, .owner = "m", .stage = Stage::weights, .buffer = "Vulkan0"}));
}

TEST(AdmitTest, AFullBudgetFitsAndAByteMoreIsShortByOne) {
  EXPECT_TRUE(verdict_of(90_B, state_of(kGpu, 100_B, 100_B, 90_B)).fits());
  const DeviceVerdict over = verdict_of(91_B, state_of(kGpu, 100_B, 100_B, 90_B));
  EXPECT_EQ(over.limit, Limit::budget);
  EXPECT_EQ(over.short_by, 1_B);
}

TEST(AdmitTest, WhatIsOursCountsAgainstTheBudgetAndIsAlreadyMissingFromFree) {
  EXPECT_TRUE(verdict_of(40_B, state_of(kGpu, 100_B, 40_B, 90_B, 50_B)).fits());
  EXPECT_EQ(verdict_of(41_B, state_of(kGpu, 100_B, 60_B, 90_B, 50_B)).limit, Limit::budget);
  const DeviceVerdict above =
      verdict_of(5_B, state_of(kGpu, 100_B, 60_B, 30_B, 50_B));  // the budget was lowered below what is there
  EXPECT_EQ(above.limit, Limit::budget);
  EXPECT_EQ(above.short_by, 5_B);
}

TEST(AdmitTest, OthersUseOfTheDeviceIsNamedWhereItIsTheTighterLimit) {
  const DeviceVerdict over = verdict_of(80_B, state_of(kGpu, 100_B, 30_B, 70_B));
  EXPECT_EQ(over.limit, Limit::free);
  EXPECT_EQ(over.short_by, 50_B);
}

TEST(AdmitTest, WhatIsNotKnownRefusesNothing) {
  EXPECT_TRUE(verdict_of(8_GiB, state_of(kGpu, std::nullopt, std::nullopt, std::nullopt)).fits());
}

TEST(AdmitTest, DeviceAndHostAreJudgedTogetherWhereTheyAreTheSameMemory) {
  const ModelPlan model = model_of({buffer(kGpu, Stage::weights, 60_B), buffer(kHost, Stage::compute, 50_B)});
  const auto shared =
      admit({model}, {state_of(kGpu, 100_B, 100_B, 90_B, {}, true), state_of(kHost, 100_B, 100_B, std::nullopt)});
  for (const DeviceVerdict& verdict : shared) {
    EXPECT_EQ(verdict.limit, Limit::host);
    EXPECT_EQ(verdict.short_by, 10_B);
  }
  const auto apart = admit({model}, {state_of(kGpu, 100_B, 100_B, 90_B), state_of(kHost, 100_B, 100_B, std::nullopt)});
  for (const DeviceVerdict& verdict : apart) EXPECT_TRUE(verdict.fits());
}

TEST(PlanTest, FitsWhereEveryDeviceDoes) {
  Plan plan;
  plan.devices = admit({model_of({buffer(kGpu, Stage::weights, 60_B)})},
                       {state_of(kHost, 100_B, 100_B, {}), state_of(kGpu, 100_B, 100_B, 60_B)});
  EXPECT_TRUE(plan.fits());
  plan.devices = admit({model_of({buffer(kGpu, Stage::weights, 61_B)})},
                       {state_of(kHost, 100_B, 100_B, {}), state_of(kGpu, 100_B, 100_B, 60_B)});
  EXPECT_FALSE(plan.fits());
}

RC_GTEST_PROP(AdmitProperty, FitsExactlyWhereRequiredIsWithinTheBudgetAndTheFreeMemory, ()) {
  const auto amount = [] { return Bytes{*rc::gen::inRange<std::uint64_t>(0, 50)}; };
  const auto perhaps = [&]() -> std::optional<Bytes> {
    return *rc::gen::arbitrary<bool>() ? std::optional(amount()) : std::nullopt;
  };
  const Bytes required = amount();
  const DeviceState state = state_of(kGpu, 50_B, perhaps(), perhaps(), amount());
  Bytes room{1'000'000};
  if (state.budget) room = std::min(room, saturating_sub(state.budget->bytes, state.ours));
  if (state.reading.free) room = std::min(room, *state.reading.free);
  const DeviceVerdict verdict = verdict_of(required, state);
  RC_ASSERT(verdict.required == required);
  RC_ASSERT(verdict.fits() == (required <= room));
  RC_ASSERT(verdict.short_by == saturating_sub(required, room));
}

RC_GTEST_PROP(RequiredProperty, TogetherNeedNoMoreThanTheSumAndNoLessThanTheLargest, ()) {
  std::vector<ModelPlan> models;
  Bytes sum;
  Bytes largest;
  for (int i = *rc::gen::inRange(1, 5); i > 0; --i) {
    std::vector<dry_run::BufferEntry> entries;
    for (int j = *rc::gen::inRange(0, 5); j > 0; --j) {
      entries.push_back(
          buffer(kGpu, *rc::gen::elementOf(memory::kStages), Bytes{*rc::gen::inRange<std::uint64_t>(0, 100)},
                 *rc::gen::element<std::string>("Vulkan0", "Vulkan0_Split"), *rc::gen::arbitrary<bool>()));
    }
    models.push_back(model_of(std::move(entries)));
    models.back().compute_group = *rc::gen::element<std::string>("", "main", "other");
    sum += required_on(kGpu, {models.back()});
    largest = std::max(largest, required_on(kGpu, {models.back()}));
  }
  RC_ASSERT(required_on(kGpu, models) <= sum);
  RC_ASSERT(required_on(kGpu, models) >= largest);
  std::ranges::reverse(models);
  const Bytes reversed = required_on(kGpu, models);
  std::ranges::reverse(models);
  RC_ASSERT(required_on(kGpu, models) == reversed);
}

ModelPlan estimated(Bytes weights, Bytes runtime) {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.entries = {buffer(kGpu, memory::Stage::weights, weights)};
  return lay_out(request(), dry_run, {{kGpu, {.bytes = runtime, .source = Source::estimated}}});
}

Plan judged(const ModelPlan& model, std::optional<Bytes> free, std::optional<Bytes> budget) {
  Plan plan{.models = {model}, .devices = {}, .alternatives = {}, .explanation = {}};
  plan.devices = admit(plan.models, {state_of(kGpu, 8_GiB, free, budget)});
  return plan;
}

TEST(EstimatesTest, StandInTheWayAloneWhereTheRestHasRoom) {
  const ModelPlan model = estimated(2_GiB, 500_MiB);
  EXPECT_TRUE(judged(model, 8_GiB, 2_GiB).stands_on_estimates());
  EXPECT_TRUE(judged(model, 2_GiB, 7_GiB).stands_on_estimates());
  EXPECT_FALSE(judged(model, 8_GiB, 2_GiB - 1_B).stands_on_estimates()) << "the weights are too much, too";
  EXPECT_FALSE(judged(model, 1_GiB, 2_GiB).stands_on_estimates());
  EXPECT_FALSE(judged(model, 8_GiB, 3_GiB).stands_on_estimates()) << "it fits";
}

TEST(EstimatesTest, ACalibrationGoesBeyondBudgetAndFreeMemoryByThem) {
  const ModelPlan model = estimated(2_GiB, 500_MiB);
  const auto beyond = [&](Bytes free, Bytes budget) {
    return admit_beyond_estimates({model}, {state_of(kGpu, 8_GiB, free, budget)}).front();
  };
  EXPECT_TRUE(beyond(8_GiB, 2_GiB).fits());
  EXPECT_EQ(beyond(8_GiB, 2_GiB).state.budget->bytes, 2_GiB + 500_MiB) << "what allocations are held to";
  EXPECT_TRUE(beyond(2_GiB, 8_GiB).fits());
  EXPECT_FALSE(beyond(8_GiB, 1_GiB).fits());
  EXPECT_EQ(beyond(8_GiB, 3_GiB).state.budget->bytes, 3_GiB) << "where it fits, the budget is what it is";
}

}  // namespace
}  // namespace plimsoll::plan
