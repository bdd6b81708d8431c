// What a fleet comes to, on a device that is made up.
#include "host/fleet_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "host/fleet_file.hpp"
#include "plan/alternatives.hpp"

#include "golden.hpp"

namespace plimsoll::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const device::DeviceId kGpu{"GPU0"};

struct Declared {
  std::string name;
  Bytes weights;
  Bytes compute_buffers{};
  bool pinned = false;
};

FleetPlan plan_of(const std::vector<Declared>& models, Bytes budget) {
  Fleet fleet;
  std::vector<plan::ModelPlan> plans;
  for (const Declared& one : models) {
    FleetModel model;
    model.request.name = one.name;
    model.pinned = one.pinned;
    fleet.models.push_back(model);
    plan::ModelPlan plan;
    plan.name = one.name;
    plan.compute_group = kDefaultGroup;
    plan.dry_run.model.description = "a model of the test";
    plan.request.model.path = one.name + ".gguf";
    plan.entries = {{.device = kGpu, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = one.weights},
                    {.device = kGpu, .buffer = "GPU0", .stage = memory::Stage::compute, .bytes = one.compute_buffers}};
    plans.push_back(plan);
  }
  plan::DeviceState device;
  device.info.id = kGpu;
  device.budget = memory::Budget{.bytes = budget};
  return plan_fleet(fleet, FreeCapacity(plans, {device}));
}

TEST(FleetPlanTest, WhereAllFitTheyAreReadyAtOnceAndNobodyGoes) {
  const FleetPlan plan = plan_of({{"a", 40_MiB, 20_MiB}, {"b", 40_MiB, 10_MiB}}, 100_MiB);
  EXPECT_TRUE(plan.all_fit());
  EXPECT_THAT(plan.together, ElementsAre(ElementsAre("a", "b")));
  EXPECT_THAT(plan.switches, IsEmpty());
}

TEST(FleetPlanTest, TheLargestSetsAreListedAndWhatEachSwitchEvicts) {
  const FleetPlan plan = plan_of({{"a", 40_MiB}, {"b", 50_MiB}, {"c", 60_MiB}, {"d", 101_MiB}}, 100_MiB);
  EXPECT_THAT(plan.together, UnorderedElementsAre(ElementsAre("a", "b"), ElementsAre("a", "c")));
  ASSERT_THAT(plan.switches, ::testing::SizeIs(2));
  EXPECT_THAT(plan.switches[0].evicted, ElementsAre(plan.switches[0].wanted == "c" ? "b" : "c"));
  ASSERT_THAT(plan.never, ::testing::SizeIs(1));
  EXPECT_EQ(plan.never[0].name, "d");
  EXPECT_EQ(to_json(plan, tracker::Mode::enforcing)["verdict"], "refused");
  expect_golden("host/golden/fleet.txt", to_table(plan));
}

TEST(FleetPlanTest, WhatNeverFitsIsShownWithTheKeysThatWouldHelp) {
  FleetPlan plan = plan_of({{"d", 101_MiB}}, 100_MiB);
  ASSERT_THAT(plan.never, ::testing::SizeIs(1));
  plan.never[0].alternatives.push_back({.flags = {"-ctk", "q8_0", "-ngl", "3", "--cpu-moe"},
                                        .changes = {{.param = "type_k", .from = "f16", .to = "q8_0"},
                                                    {.param = "gpu_layers", .from = "5", .to = "3"},
                                                    {.param = "cpu_moe", .from = "false", .to = "true"}},
                                        .cost = "slower",
                                        .requests = {},
                                        .required = {}});
  EXPECT_THAT(to_table(plan),
              ::testing::HasSubstr("would fit: cache-type-k = \"q8_0\", gpu-layers = 3, cpu-moe = true  (slower)"));
  EXPECT_THAT(to_table(plan), ::testing::Not(::testing::HasSubstr("Ready at once")));
  EXPECT_EQ(to_json(plan, tracker::Mode::enforcing)["never"][0]["alternatives"][0]["cost"], "slower");
}

TEST(FleetPlanTest, WhatKeepingWeightsTakesOfTheHostIsSaid) {
  plan::ModelPlan on_device;
  on_device.entries = {{.device = kGpu, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = 400_MiB},
                       {.device = kGpu, .buffer = "GPU0", .stage = memory::Stage::kv_cache, .bytes = 4_MiB},
                       {.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = 2_MiB}};
  EXPECT_EQ(weights_to_keep(on_device).copy, 400_MiB);
  EXPECT_EQ(weights_to_keep(on_device).model, 0_B);
  plan::ModelPlan small = on_device;
  small.entries.front().bytes = 40_MiB;
  EXPECT_EQ(weights_to_keep(small).copy, 0_B);  // the engine's own copy is as fast
  EXPECT_EQ(weights_to_keep(small).model, 0_B);
  plan::ModelPlan checked = on_device;
  checked.request.model.check_tensors = true;
  EXPECT_EQ(weights_to_keep(checked).copy, 0_B);
  plan::ModelPlan on_host;
  on_host.entries = {{.device = device::host(), .buffer = "CPU", .stage = memory::Stage::weights, .bytes = 30_MiB},
                     {.device = device::host(),
                      .buffer = "CPU_Mapped",
                      .stage = memory::Stage::weights,
                      .bytes = 7_MiB,
                      .charged = false}};
  EXPECT_EQ(weights_to_keep(on_host).copy, 0_B);
  EXPECT_EQ(weights_to_keep(on_host).model, 30_MiB);

  FleetPlan plan = plan_of({{"a", 400_MiB}, {"b", 500_MiB}}, 1_GiB);
  EXPECT_THAT(to_table(plan), ::testing::Not(::testing::HasSubstr("Kept in host memory")));
  EXPECT_THAT(plan.keeping, IsEmpty());
  Fleet fleet;
  for (const plan::ModelPlan& model : plan.capacity.models()) {
    fleet.models.emplace_back();
    fleet.models.back().request.name = model.name;
  }
  fleet.keep_in_host = 450_MiB;
  plan = plan_fleet(fleet, plan.capacity);
  ASSERT_THAT(plan.keeping, ::testing::SizeIs(2));
  EXPECT_TRUE(plan.keeping[0].within_budget);
  EXPECT_FALSE(plan.keeping[1].within_budget);
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("Kept in host memory when they go, within 450 MiB:"));
  const auto json = to_json(plan, tracker::Mode::enforcing);
  EXPECT_EQ(json["keep_in_host"], (450_MiB).value());
  EXPECT_EQ(json["keeping"][1]["bytes"], (500_MiB).value());
}

TEST(FleetPlanTest, ItSaysWhereTheNumberOfModelsForbidsASetThatWouldFit) {
  FleetPlan plan = plan_of({{"a", 40_MiB}, {"b", 40_MiB}}, 100_MiB);
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("  Ready at once:\n"));
  EXPECT_EQ(to_json(plan, tracker::Mode::enforcing)["models_max"], 0);
  Fleet fleet;
  for (const char* name : {"a", "b"}) {
    fleet.models.emplace_back();
    fleet.models.back().request.name = name;
  }
  FreeCapacity capacity = plan.capacity;
  capacity.set_most_models(1);
  plan = plan_fleet(fleet, capacity);
  EXPECT_THAT(plan.together, ::testing::UnorderedElementsAre(ElementsAre("a"), ElementsAre("b")));
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("  Ready at once (1 model at most):\n"));
  EXPECT_EQ(to_json(plan, tracker::Mode::enforcing)["models_max"], 1);
}

TEST(FleetPlanTest, AModelThatCannotBeUsedIsNamedAndTheOthersArePlanned) {
  std::vector<plan::ModelPlan> plans =
      plan_of({{"a", 40_MiB}, {"b", 40_MiB}, {"c", 40_MiB}}, 100_MiB).capacity.models();
  plans.push_back({.name = "c-draft", .request = {}, .dry_run = {}, .entries = {}});
  for (const std::size_t broken : {1U, 3U}) {
    plans[broken].entries.clear();
    plans[broken].unusable = Error(ErrorCode::model_unusable, "there is no such file");
  }
  Fleet fleet;
  for (const char* name : {"a", "b", "c"}) {
    fleet.models.emplace_back();
    fleet.models.back().request.name = name;
  }
  fleet.models[2].draft.emplace();
  fleet.models[2].draft->request.name = "c-draft";
  const FleetPlan plan = plan_fleet(fleet, FreeCapacity(plans, {}, drafts_of(fleet)));
  EXPECT_THAT(plan.together, ElementsAre(ElementsAre("a")));
  ASSERT_THAT(plan.unusable, ::testing::SizeIs(2));
  EXPECT_EQ(plan.unusable[0].name, "b");
  EXPECT_EQ(plan.unusable[1].name, "c");
  EXPECT_FALSE(plan.has_all());
  EXPECT_NO_THROW(require_a_usable_one(fleet, plan.capacity));
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("  Cannot be used: b: there is no such file\n"));
  const auto json = to_json(plan, tracker::Mode::enforcing);
  EXPECT_EQ(json["verdict"], "refused");
  EXPECT_EQ(json["models"].size(), 2U);  // a, and c, which is whole itself
  EXPECT_EQ(json["unusable"][0]["code"], "model_unusable");
  plans[0].unusable = plans[1].unusable;
  EXPECT_THROW(require_a_usable_one(fleet, FreeCapacity(plans, {}, drafts_of(fleet))), Error);
}

// Every key that is named for a step down is one of the fleet file's: else the advice could not be taken.
TEST(FleetPlanTest, EveryStepDownIsAKeyOfTheFleetFile) {
  dry_run::DryRunRequest asked;
  asked.context.n_ctx = 4096;
  asked.context.n_seq_max = 4;
  dry_run::DryRun dry_run;
  dry_run.context = {.n_ctx = 4096, .n_ctx_seq = 1024, .n_batch = 2048, .n_ubatch = 512, .n_seq_max = 4};
  dry_run.context.flash_attn = true;
  dry_run.gpu_layers = 25;
  dry_run.model.n_expert = 8;
  const std::vector<plan::Candidate> candidates = plan::candidates(asked, dry_run, true);
  ASSERT_GT(candidates.size(), 10U);
  for (const plan::Candidate& candidate : candidates) {
    const plan::Alternative alternative{.flags = candidate.flags,
                                        .changes = candidate.changes,
                                        .cost = candidate.cost,
                                        .requests = {candidate.request},
                                        .required = {}};
    std::string keys = keys_of(alternative);
    for (std::size_t at = keys.find(", "); at != std::string::npos; at = keys.find(", ")) keys.replace(at, 2, "\n");
    FleetModel model;
    model.request.dry_run = asked;
    const FleetModel changed = with_keys(model, keys);
    EXPECT_EQ(changed.request.dry_run.context.n_ubatch, candidate.request.context.n_ubatch) << keys;
    EXPECT_EQ(changed.request.dry_run.context.n_ctx, candidate.request.context.n_ctx) << keys;
    EXPECT_EQ(changed.request.dry_run.context.type_k, candidate.request.context.type_k) << keys;
    EXPECT_EQ(changed.request.dry_run.context.n_seq_max, candidate.request.context.n_seq_max) << keys;
    EXPECT_EQ(changed.request.dry_run.model, candidate.request.model) << keys;
  }
}

TEST(FleetPlanTest, APinnedModelIsNotEvicted) {
  const FleetPlan plan = plan_of({{"a", 60_MiB, {}, true}, {"b", 60_MiB}}, 100_MiB);
  ASSERT_THAT(plan.switches, ::testing::SizeIs(2));
  for (const Switch& one : plan.switches) EXPECT_EQ(one.refused, one.ready.front() == "a");
}

TEST(FleetPlanTest, ADraftCountsWithItsModelAndOnce) {
  const FreeCapacity capacity(plan_of({{"a", 40_MiB}, {"a-draft", 20_MiB}, {"b", 30_MiB}}, 100_MiB).capacity);
  const FreeCapacity paired(capacity.models(), capacity.devices(), {{"a", "a-draft"}});
  EXPECT_EQ(capacity.required({"a"}), 40_MiB);
  EXPECT_EQ(paired.required({"a"}), 60_MiB);
  EXPECT_EQ(paired.required({"a", "a-draft", "b"}), 90_MiB);
  EXPECT_EQ(paired.required({"b"}), 30_MiB);
}

// A group's compute buffers count at their largest as soon as one of its models is there.
TEST(FleetPlanTest, AComputeGroupsBuffersAreThoseOfItsLargestModel) {
  const FleetPlan plan = plan_of({{"a", 40_MiB, 10_MiB}, {"b", 40_MiB, 30_MiB}}, 100_MiB);
  EXPECT_EQ(plan.capacity.required({"a"}), 70_MiB);
  EXPECT_EQ(plan.capacity.required({"a", "b"}), 110_MiB);
  EXPECT_FALSE(plan.all_fit());
}

// Two models on a card by one name each: counted once, promised once, said once.
TEST(FleetPlanTest, ACardOfTwoBackendsIsOneMemory) {
  const device::DeviceId cuda{"CUDA0"};
  const device::DeviceId vulkan{"Vulkan0"};
  std::vector<plan::DeviceState> devices(2);
  devices[0].info.id = cuda;
  devices[1].info.id = vulkan;
  devices[1].info.same_memory_as = cuda;
  for (plan::DeviceState& device : devices) device.budget = memory::Budget{.bytes = 100_MiB};
  std::vector<plan::ModelPlan> models(2);
  models[0].name = "a";
  models[0].entries = {{.device = cuda, .buffer = "CUDA0", .bytes = 40_MiB}};
  models[1].name = "b";
  models[1].entries = {{.device = vulkan, .buffer = "Vulkan0", .bytes = 50_MiB}};
  FreeCapacity capacity(models, devices);
  EXPECT_EQ(capacity.required({"a", "b"}), 90_MiB);

  // "a" is reserved and has taken nothing yet; 80 MiB are free.
  Moment moment;
  moment.free = {{cuda, 80_MiB}, {vulkan, 80_MiB}};
  moment.holdings = {{.owner = "a", .device = cuda, .comes_back = {}, .promised = 40_MiB}};
  capacity.look_again(devices, moment);
  EXPECT_FALSE(capacity.admits("b", {"a"}, {}));
  EXPECT_EQ(capacity.shortage("b", {"a"}, {}).sentence, "50.0 MiB needed on Vulkan0, where 40.0 MiB are free");

  for (plan::DeviceState& device : devices) device.budget = memory::Budget{.bytes = 45_MiB};
  const FreeCapacity small(models, devices);
  EXPECT_EQ(why_not(small.judge({"b"})), "50.0 MiB needed on Vulkan0, 5.00 MiB too much (budget)");
}

}  // namespace
}  // namespace plimsoll::host
