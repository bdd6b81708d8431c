// One card that two backends offer is one memory: in the plan, at admission, in the accounting.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include <temporary_folder.hpp>
#include "dry_run/dry_run_source.hpp"
#include "memory/ledger.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"
#include "plan/planner.hpp"
#include "plan/refusal.hpp"
#include "tracker/tracker.hpp"

#include "placement.hpp"
#include "plan_examples.hpp"
#include "split.hpp"

namespace plimsoll::plan {
namespace {

using memory::Stage;

const device::DeviceId kCuda{"CUDA0"};
const device::DeviceId kVulkan{"Vulkan0"};

DeviceState of_the_card(const device::DeviceId& id, std::optional<Bytes> budget) {
  DeviceState state = state_of(id, 80_GiB, 79_GiB, budget);
  state.info.pci_id = "0000:06:00.0";
  if (id != kCuda) state.info.same_memory_as = kCuda;
  return state;
}

TEST(OneCardTest, WhatIsWantedOfBothBackendsIsWantedOfTheCard) {
  const ModelPlan a = model_of({buffer(kCuda, Stage::weights, 50_GiB)}, "a");
  const ModelPlan b = model_of({buffer(kVulkan, Stage::weights, 40_GiB)}, "b");
  const std::vector states{of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB)};
  for (const DeviceVerdict& verdict : admit({a}, states)) {
    EXPECT_EQ(verdict.required, 50_GiB);
    EXPECT_TRUE(verdict.fits());
  }
  for (const DeviceVerdict& verdict : admit({a, b}, states)) {
    EXPECT_EQ(verdict.required, 90_GiB);
    EXPECT_EQ(verdict.short_by, 18_GiB);
  }
}

// Devices as a dry run process would tell them; no file is tried by a dry run.
class TwoBackends final : public dry_run::DryRunSource {
 public:
  [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override {
    dry_run::DryRun dry_run = gpu_dry_run();
    const bool cuda = std::ranges::contains(request.model.devices, kCuda.name());
    dry_run.entries = {buffer(cuda ? kCuda : kVulkan, Stage::weights, 40_GiB)};
    return dry_run;
  }
  [[nodiscard]] std::vector<dry_run::DeviceView> devices() override {
    std::vector<dry_run::DeviceView> views;
    for (const device::DeviceId& id : {kCuda, kVulkan}) {
      const DeviceState state = of_the_card(id, {});
      views.push_back({.info = state.info, .reading = state.reading});
    }
    return views;
  }
};

class OneCardPlannerTest : public ::testing::Test {
 protected:
  [[nodiscard]] Plan plan(const PlannerOptions& options) {
    Request on_cuda = request("a");
    on_cuda.dry_run.model.devices = {kCuda.name()};
    Request on_vulkan = request("b");
    on_vulkan.dry_run.model.devices = {kVulkan.name()};
    return Planner(source, store).plan({on_cuda, on_vulkan}, options);
  }
  TwoBackends source;
  test::TemporaryFolder folder;
  Store store{folder / "plimsoll.db"};
};

TEST_F(OneCardPlannerTest, ABudgetForOneIsABudgetForBoth) {
  for (const device::DeviceId& named : {kCuda, kVulkan}) {
    const Plan answer = plan({.budgets = {{.device = named, .amount = 60_GiB}}, .ours = {}, .alternatives = false});
    for (const DeviceVerdict& verdict : answer.devices) {
      ASSERT_TRUE(verdict.state.budget);
      EXPECT_EQ(verdict.state.budget->bytes, 60_GiB) << named.name();
      EXPECT_FALSE(verdict.fits());
    }
  }
}

TEST_F(OneCardPlannerTest, WhatIsOursOnOneIsOursOnBoth) {
  const Plan answer = plan({.budgets = {}, .ours = {{kVulkan, 3_GiB}, {kCuda, 2_GiB}}, .alternatives = false});
  for (const DeviceVerdict& verdict : answer.devices) EXPECT_EQ(verdict.state.ours, 5_GiB);
}

memory::Tag tag(const device::DeviceId& device, const std::string& owner) {
  return {.device = device, .owner = owner, .stage = Stage::weights, .buffer = device.name()};
}

TEST(OneCardLedgerTest, TheCardHasOneAccountAndOneBudget) {
  memory::Ledger ledger;
  ledger.join(kVulkan, kCuda);
  ledger.set_budget(kVulkan, 100_B);
  EXPECT_EQ(ledger.account(kCuda).budget, 100_B);
  const auto first = ledger.reserve("a", {{.tag = tag(kCuda, "a"), .bytes = 60_B}});
  ASSERT_TRUE(first);
  EXPECT_FALSE(ledger.reserve("b", {{.tag = tag(kVulkan, "b"), .bytes = 50_B}}));
  ASSERT_TRUE(ledger.take(tag(kVulkan, "b"), 40_B));
  EXPECT_EQ(ledger.account(kCuda).committed, 100_B);
  EXPECT_EQ(ledger.account(kVulkan).committed, 100_B);
  const auto refused = ledger.take(tag(kVulkan, "b"), 1_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().largest.size(), 2U);  // those of both
  ledger.give_back(tag(kVulkan, "b"), 40_B);
}

TEST(OneCardLedgerTest, OneReservationOnBothIsJudgedAsASum) {
  memory::Ledger ledger;
  ledger.join(kVulkan, kCuda);
  ledger.set_budget(kCuda, 100_B);
  EXPECT_FALSE(
      ledger.reserve("a", {{.tag = tag(kCuda, "a"), .bytes = 60_B}, {.tag = tag(kVulkan, "a"), .bytes = 50_B}}));
  EXPECT_TRUE(ledger.empty());
}

TEST(OneCardLedgerTest, OfTwoBudgetsSetBeforeTheLowerOneStays) {
  memory::Ledger ledger;
  ledger.set_budget(kVulkan, 50_B);
  ledger.set_budget(kCuda, 100_B);
  ledger.join(kVulkan, kCuda);
  EXPECT_EQ(ledger.account(kCuda).budget, 50_B);
  EXPECT_EQ(ledger.account(kVulkan).budget, 50_B);
}

DeviceVerdict verdict_on(const device::DeviceId& id, const std::vector<DeviceVerdict>& verdicts) {
  return *std::ranges::find(verdicts, id, [](const DeviceVerdict& one) { return one.state.info.id; });
}

TEST(OneCardTest, AnEstimateOfOneIsAnEstimateOfTheCard) {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.entries = {buffer(kVulkan, Stage::weights, 70_GiB)};
  const ModelPlan model = lay_out(request("a"), dry_run, {{kVulkan, {.bytes = 3_GiB, .source = Source::estimated}}});
  const auto verdicts = admit({model}, {of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB)});
  for (const DeviceVerdict& verdict : verdicts) {
    EXPECT_FALSE(verdict.fits());
    EXPECT_EQ(verdict.estimated, 3_GiB);
    EXPECT_TRUE(verdict.stands_on_estimate()) << verdict.state.info.id.name();
  }
  EXPECT_EQ(verdict_on(kCuda, verdicts).own_estimated, 0_B);
  EXPECT_EQ(runtime_flags(verdict_on(kCuda, verdicts), verdicts), "--runtime Vulkan0=SIZE");
  EXPECT_TRUE(
      std::ranges::all_of(admit_beyond_estimates({model}, {of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB)}),
                          &DeviceVerdict::fits));
}

TEST(OneCardTest, ARefusalSaysACardOnceByTheNameThatIsUsed) {
  const ModelPlan model = model_of({buffer(kVulkan, Stage::weights, 75_GiB)});
  const auto verdicts = admit({model}, {of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB)});
  EXPECT_EQ(why_refused(verdicts), "75.0 GiB needed on Vulkan0, 3.00 GiB too much (budget)");
  ASSERT_EQ(one_of_each_memory(verdicts).size(), 1U);
}

TEST(OneCardTest, APlanSaysWhoseMemoryASecondNameHas) {
  Plan plan;
  plan.models = {model_of({buffer(kVulkan, Stage::weights, 40_GiB)})};
  plan.devices = admit(plan.models, {of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB)});
  const auto devices = to_json(plan, tracker::Mode::enforcing).at("devices");
  EXPECT_FALSE(devices.at(0).contains("memory"));
  EXPECT_EQ(devices.at(1).at("memory"), "CUDA0");
  EXPECT_TRUE(to_table(plan).contains("Vulkan0 is the card of CUDA0"));
}

TEST(OneCardTest, TwoNamesOfACardHaveItsRoomBetweenThem) {
  engine::ModelParams params;
  params.devices = {kCuda.name(), kVulkan.name(), "CUDA1"};
  DeviceState other = state_of(device::DeviceId{"CUDA1"}, 80_GiB, 79_GiB, 72_GiB);
  other.info.pci_id = "0000:07:00.0";
  const auto fixed = with_fixed_split(params, {of_the_card(kCuda, 72_GiB), of_the_card(kVulkan, 72_GiB), other});
  EXPECT_EQ(fixed.tensor_split, (std::vector<float>{64, 64, 128}));
}

// What is placed on a card by the one name is not free for the other.
TEST(OneCardTest, APlacedModelTakesRoomOfTheCard) {
  DeviceState other = state_of(device::DeviceId{"CUDA1"}, 80_GiB, 70_GiB, {});
  other.info.pci_id = "0000:07:00.0";
  const std::vector states{of_the_card(kCuda, {}), other, of_the_card(kVulkan, {})};
  const ModelPlan beside = model_of({buffer(kVulkan, Stage::weights, 40_GiB)}, "beside");
  const auto plans = place({request("a")}, {beside}, states, [&](const Request& asked) {
    const std::string& card = asked.dry_run.model.devices.front();
    ModelPlan plan = model_of({buffer(device::DeviceId{card}, Stage::weights, 20_GiB)}, "a");
    plan.request = asked.dry_run;
    return plan;
  });
  EXPECT_EQ(plans.front().request.model.devices, std::vector<std::string>{"CUDA1"});
}

}  // namespace
}  // namespace plimsoll::plan
