// A plan as text and as JSON, held against golden/*. The plans are put together here from dry runs made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <golden.hpp>
#include <sstream>

#include "plan/alternatives.hpp"
#include "plan/plan_json.hpp"
#include "plan/plan_table.hpp"
#include "tracker/tracker.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

ModelPlan example_model(const std::string& name = "a") {
  return lay_out(request(name), gpu_dry_run(), {{kGpu, {.bytes = 384_MiB, .source = Source::estimated}}});
}

std::vector<DeviceState> devices(Bytes budget) {
  return {state_of(kGpu, 8_GiB, 7_GiB, budget, 100_MiB), state_of(kHost, 16_GiB, std::nullopt, std::nullopt)};
}

Plan fitting() {
  Plan plan{.models = {example_model()}, .devices = {}, .alternatives = {}, .explanation = {}};
  plan.devices = admit(plan.models, devices(7_GiB));
  return plan;
}

Plan refused() {
  Plan plan = fitting();
  plan.devices = admit(plan.models, devices(1400_MiB));
  for (const Candidate& candidate : candidates(request().dry_run, gpu_dry_run(), true)) {
    if (plan.alternatives.size() == 2) break;
    plan.alternatives.push_back({.flags = candidate.flags,
                                 .changes = candidate.changes,
                                 .cost = candidate.cost,
                                 .requests = {candidate.request},
                                 .required = {{kHost, 12_MiB}, {kGpu, 1300_MiB}}});
  }
  return plan;
}

// Two models of three sequences on a software GPU.
Plan two_models() {
  Request asked = request("b");
  asked.dry_run.context.n_ctx = 300;
  asked.dry_run.context.n_seq_max = 3;
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.context.n_ctx = 768;
  dry_run.context.n_ctx_seq = 256;
  dry_run.context.n_seq_max = 3;
  dry_run.context.n_batch = dry_run.context.n_ubatch = 300;
  dry_run.outputs = 3;
  Plan plan{.models = {example_model("a"),
                       lay_out(asked, dry_run, {{kGpu, {.bytes = 431_MiB, .source = Source::calibrated}}})},
            .devices = {},
            .alternatives = {},
            .explanation = {}};
  for (ModelPlan& model : plan.models) model.compute_group = "main";
  plan.devices = admit(
      plan.models, {state_of(kGpu, 24_GiB, 20_GiB, 21_GiB, {}, true), state_of(kHost, 24_GiB, 2_GiB, std::nullopt)});
  return plan;
}

std::string json_of(const Plan& plan, tracker::Mode mode) {
  auto json = to_json(plan, mode);
  EXPECT_FALSE(json["engine"]["llama"].get<std::string>().empty());
  json["engine"]["llama"] = json["engine"]["ggml"] = "(the loaded one)";
  return json.dump(1) + "\n";
}

TEST(PlanTableTest, AFittingPlan) { expect_golden("plan/golden/fits.txt", to_table(fitting())); }
TEST(PlanTableTest, ARefusedPlanWithWhatWouldFit) { expect_golden("plan/golden/refused.txt", to_table(refused())); }
TEST(PlanTableTest, TwoModelsOnMemoryOfTheHost) { expect_golden("plan/golden/two_models.txt", to_table(two_models())); }

TEST(PlanTableTest, ModelsThatDoNotFitTogetherButEachAlone) {
  Plan plan = two_models();
  for (DeviceVerdict& verdict : plan.devices) {
    if (verdict.state.info.id == kGpu) verdict.state.budget = memory::Budget{.bytes = verdict.required - 1_B};
  }
  std::vector<DeviceState> states;
  for (const DeviceVerdict& verdict : plan.devices) states.push_back(verdict.state);
  plan.devices = admit(plan.models, states);
  ASSERT_FALSE(plan.fits());
  EXPECT_TRUE(each_fits_alone(plan));
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("Each fits alone: `plimsoll serve`"));

  for (DeviceState& state : states) {
    if (state.info.id == kGpu) state.budget = memory::Budget{.bytes = 1_MiB};
  }
  plan.devices = admit(plan.models, states);
  EXPECT_FALSE(each_fits_alone(plan));
  EXPECT_THAT(to_table(plan), ::testing::Not(::testing::HasSubstr("Each fits alone")));
}

TEST(PlanTableTest, ARefusedPlanWithoutAlternativesSaysSo) {
  Plan plan = refused();
  plan.alternatives.clear();
  EXPECT_THAT(to_table(plan), ::testing::HasSubstr("Nothing near it would fit either."));
}

TEST(PlanJsonTest, AFittingPlan) {
  expect_golden("plan/golden/fits.json", json_of(fitting(), tracker::Mode::enforcing));
}
TEST(PlanJsonTest, ARefusedPlanWithWhatWouldFit) {
  expect_golden("plan/golden/refused.json", json_of(refused(), tracker::Mode::advisory));
}
TEST(PlanJsonTest, TwoModelsOnMemoryOfTheHost) {
  expect_golden("plan/golden/two_models.json", json_of(two_models(), tracker::Mode::enforcing));
}

}  // namespace
}  // namespace plimsoll::plan
