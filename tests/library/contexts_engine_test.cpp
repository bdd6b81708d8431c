// Several contexts on the weights of one model: planned together or one after the other.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <future>
#include <plimsoll/plimsoll.hpp>

#include "demo_model.hpp"
#include "expect_error.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;

// Weights in memory of our own, so that they are charged, as an accelerator's are.
ModelOptions charged() {
  ModelOptions options = small();
  options.model.load_mode = engine::LoadMode::none;
  return options;
}

ContextOptions of_tokens(std::uint32_t n_ctx, std::string name = {}) {
  ContextOptions options{.name = std::move(name), .context = small().context};
  options.context.n_ctx = n_ctx;
  return options;
}

Bytes of_stage(const std::vector<plan::Entry>& entries, memory::Stage stage) {
  Bytes sum;
  for (const plan::Entry& entry : entries) {
    if (entry.stage == stage) sum += entry.bytes;
  }
  return sum;
}

Bytes taken(const Runtime& runtime) {
  Bytes sum;
  for (const DeviceStatus& device : runtime.devices()) sum += device.taken;
  return sum;
}

TEST(Contexts, ASecondOneTakesNoWeightsAndHasItsOwnSize) {
  Runtime runtime;
  const Model model = runtime.open(kModel, charged());
  const Plan plan = model.plan_context(of_tokens(2048));
  const Model second = model.open_context(of_tokens(2048));
  EXPECT_EQ(second.info().n_ctx, 2048U);
  EXPECT_GT(of_stage(model.taken(), memory::Stage::weights), Bytes{});
  EXPECT_EQ(of_stage(second.taken(), memory::Stage::weights), Bytes{});
  for (const auto stage : {memory::Stage::kv_cache, memory::Stage::compute, memory::Stage::output}) {
    EXPECT_EQ(of_stage(plan.models().front().entries, stage), of_stage(second.taken(), stage));
    EXPECT_GT(of_stage(second.taken(), stage), Bytes{});
  }
  EXPECT_EQ(second.name(), model.name() + "-2");
  EXPECT_NE(plan.json().find("weights_of"), std::string::npos);
  EXPECT_EQ(model.generate("Day 12.", kGreedy).read_all(), second.generate("Day 12.", kGreedy).read_all());
}

TEST(Contexts, OnePlanHoldsAllOfThemOrNothingIsTaken) {
  const std::array contexts{of_tokens(16384, "long"), of_tokens(8192, "short")};
  constexpr Bytes kBeyondThePlan = 16_MiB;  // what a CPU's runtime is measured to be, and less than a context here
  Bytes required;
  Bytes of_the_first;
  {
    Runtime runtime;
    const Plan plan = runtime.plan(kModel, charged(), contexts);
    ASSERT_EQ(plan.models().size(), 3U);
    EXPECT_EQ(plan.models()[1].name, "long");
    required = plan.devices().front().required;
    of_the_first = runtime.plan(kModel, charged()).devices().front().required;
    ASSERT_GT(required, of_the_first);
  }
  {
    Runtime runtime({.budgets = {{.device = device::host(), .amount = required + kBeyondThePlan}}});
    const std::vector<Model> models = runtime.open(kModel, charged(), contexts);
    ASSERT_EQ(models.size(), 3U);
    EXPECT_EQ(models[1].name(), "long");
    EXPECT_EQ(models[2].info().n_ctx, 8192U);
    for (const Model& model : models) EXPECT_FALSE(model.generate("Day 12.", kGreedy).read_all().empty());
  }
  Runtime runtime({.budgets = {{.device = device::host(), .amount = of_the_first + kBeyondThePlan}}});
  expect_error(ErrorCode::over_budget, "does not fit", [&] { (void)runtime.open(kModel, charged(), contexts); });
  EXPECT_EQ(taken(runtime), Bytes{});
}

TEST(Contexts, TheWeightsStayWhileOneIsHeldAndGoWithTheLast) {
  Runtime runtime;
  std::optional<Model> model = runtime.open(kModel, charged());
  const Bytes weights = of_stage(model->taken(), memory::Stage::weights);
  std::optional<Model> second = model->open_context(of_tokens(512));
  std::optional<Model> third = second->open_context(of_tokens(256));  // of a context: the same weights
  model.reset();
  second.reset();
  EXPECT_GE(taken(runtime), weights);
  EXPECT_FALSE(third->generate("Day 12.", kGreedy).read_all().empty());
  third.reset();
  EXPECT_EQ(taken(runtime), Bytes{});
}

TEST(Contexts, TheyComputeForSeveralThreadsAtOnce) {
  Runtime runtime;
  const Model model = runtime.open(kModel, small());
  const Model second = model.open_context(of_tokens(512));
  const std::string alone = model.generate("Day 12.", kGreedy).read_all();
  const auto ask = [](const Model& one) { return one.generate("Day 12.", kGreedy).read_all(); };
  auto first_text = std::async(std::launch::async, ask, model);
  auto second_text = std::async(std::launch::async, ask, second);
  EXPECT_EQ(first_text.get(), alone);
  EXPECT_EQ(second_text.get(), alone);
  EXPECT_EQ(second.seal_counts().refused_after_seal, 0U);
}

TEST(Contexts, ARefusalNamesOnlyWhatCanBeChangedBesideTheWeights) {
  Bytes budget;
  {
    Runtime runtime;
    budget = runtime.plan(kModel, charged()).devices().front().required;
  }
  Runtime runtime({.budgets = {{.device = device::host(), .amount = budget + 8_MiB}}});
  const Model model = runtime.open(kModel, charged());
  const Plan plan = model.plan_context(of_tokens(16384));
  ASSERT_FALSE(plan.fits());
  for (const Alternative& alternative : plan.alternatives()) {
    EXPECT_FALSE(std::ranges::contains(alternative.flags, "--gpu-layers"));
    EXPECT_FALSE(std::ranges::contains(alternative.flags, "--load-mode"));
  }
  expect_error(ErrorCode::over_budget, "does not fit", [&] { (void)model.open_context(of_tokens(16384)); });
  EXPECT_FALSE(model.generate("Day 12.", kGreedy).read_all().empty());
}

TEST(Contexts, ANameThatIsTakenIsRefused) {
  Runtime runtime;
  const Model model = runtime.open(kModel, small());
  expect_error(ErrorCode::usage, model.name(), [&] { (void)model.open_context(of_tokens(256, model.name())); });
}

}  // namespace
}  // namespace plimsoll
