// A model whose layers lie on two devices. The software GPU is offered twice, so both are the host's memory; what is
// placed where is as on two cards.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include <plimsoll/base/error.hpp>
#include "dry_run/local_dry_runs.hpp"
#include "run/open.hpp"

#include "mixed_workload.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

const device::DeviceId kFirst{"Vulkan0"};
const device::DeviceId kSecond{"Vulkan1"};

// Before the backends start: each test is a process of its own.
class TwoDevices : public ::testing::Test {
 protected:
  TwoDevices() { ::setenv("GGML_VK_VISIBLE_DEVICES", "0,0", 1); }
};

plan::Request on_both(const std::string& model, std::uint32_t sequences = 1) {
  plan::Request request = test::small_request(model, "", sequences);
  request.dry_run.model.devices = {kFirst.name(), kSecond.name()};  // naming several asks for a split
  return request;
}

plan::PlannerOptions under(Bytes first, Bytes second) {
  return {.budgets = {{.device = kFirst, .amount = first}, {.device = kSecond, .amount = second}}, .ours = {}};
}

Bytes weights_on(const device::DeviceId& device, const plan::Plan& plan) {
  Bytes sum;
  for (const plan::Entry& entry : plan.models.front().entries) {
    if (entry.device == device && entry.stage == memory::Stage::weights) sum += entry.bytes;
  }
  return sum;
}

TEST_F(TwoDevices, LayersAreSharedOutByFreeCapacity) {
  const plan::Plan second_larger = test::plan_of(on_both("llama-dense"), under(1_GiB, 3_GiB));
  EXPECT_EQ(second_larger.models.front().request.model.tensor_split, (std::vector<float>{64, 192}));
  const plan::Plan first_full = test::plan_of(on_both("llama-dense"), under(0_B, 3_GiB));
  EXPECT_EQ(weights_on(kFirst, first_full), Bytes{});
  EXPECT_GT(weights_on(kSecond, first_full), Bytes{});
  EXPECT_TRUE(first_full.fits());
}

TEST_F(TwoDevices, ModelsThatOneHoldsAreKeptWholeOnOneEach) {
  std::vector<plan::Request> requests;
  for (const char* name : {"a", "b"}) {
    requests.push_back(on_both("llama-dense"));
    requests.back().name = name;
    requests.back().dry_run.model.devices.clear();  // nothing asked for: all there are
  }
  dry_run::LocalDryRuns dry_runs;
  plan::Store nothing("/dev/null/plimsoll.db");
  const plan::Plan plan = plan::Planner(dry_runs, nothing).plan(requests, under(4_GiB, 4_GiB));
  ASSERT_TRUE(plan.fits());
  std::vector<std::string> used;
  for (const plan::ModelPlan& model : plan.models) {
    ASSERT_EQ(model.request.model.devices.size(), 1U);
    used.push_back(model.request.model.devices.front());
    MemoryAccounting accounting;
    plan::Plan alone{.models = {model}, .devices = plan.devices, .alternatives = {}, .explanation = {}};
    auto instance = test::reserve(accounting, alone);
    instance->load();
    instance->create_context();
    test::expect_holds_what_is_planned(*instance);
  }
  std::ranges::sort(used);
  EXPECT_EQ(used, (std::vector<std::string>{kFirst.name(), kSecond.name()}));
}

// What is free changes between plan and load; what was planned is loaded all the same.
TEST_F(TwoDevices, WhatIsLoadedIsWhatWasPlanned) {
  for (const char* model : {"llama-dense", "gemma3-dense", "jamba-dense", "olmoe-moe"}) {
    SCOPED_TRACE(model);
    MemoryAccounting accounting;
    const plan::Plan plan = test::plan_of(on_both(model, 2), under(4_GiB, 4_GiB));
    EXPECT_GT(weights_on(kFirst, plan), Bytes{});
    EXPECT_GT(weights_on(kSecond, plan), Bytes{});
    auto instance = test::reserve(accounting, plan);
    instance->load();
    instance->create_context();
    test::expect_holds_what_is_planned(*instance);
  }
}

TEST_F(TwoDevices, SealedItTakesNothing) {
  MemoryAccounting accounting;
  plan::Request request = on_both("llama-dense", 2);
  request.dry_run.context.n_outputs_max = 32;
  auto instance = test::reserve(accounting, test::plan_of(request, under(4_GiB, 4_GiB)));
  make_ready(*instance, {}, nullptr);
  ASSERT_TRUE(instance->warm_up_report().complete());
  const workload::MixedFigures figures = workload::run_mixed(*instance, {.decodes = 300});
  for (const std::string& violation : figures.violations()) ADD_FAILURE() << violation;
}

// A plan that is wrong about the second device: what lies on both is refused there, typed, and all of it is given back;
// the neighbour on the first one answers.
TEST_F(TwoDevices, TheBudgetOfOneHoldsEvenWhenThePlanIsWrong) {
  MemoryAccounting accounting;
  const auto neighbour = test::ready(accounting, test::small_request("qwen3-dense", kFirst.name()));
  plan::Plan wrong = test::plan_of(on_both("llama-dense"), under(4_GiB, 4_GiB));
  for (plan::Entry& entry : wrong.models.front().entries) {
    if (entry.device == kSecond) entry.bytes = 1_B;
  }
  const Bytes before = accounting.ledger().account(kFirst).committed;
  {
    accounting.ledger().set_budget(kSecond, 1_KiB);
    Instance instance(accounting, wrong.models.front(), wrong.devices);
    try {
      instance.load();
      instance.create_context();
      ADD_FAILURE() << "a budget of 1 KiB held nothing back";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::over_budget) << error.what();
    }
  }
  EXPECT_EQ(accounting.ledger().account(kFirst).committed, before);
  EXPECT_EQ(accounting.ledger().account(kSecond).committed, Bytes{});
  Generation generation(*neighbour, {.prompt = {1, 2, 3}, .predict = 4, .sampling = {.temperature = 0}});
  while (generation.next()) {
  }
  EXPECT_EQ(generation.tokens().size(), 4U);
}

}  // namespace
}  // namespace plimsoll::run
