// Models of which one is to be chosen, side by side.
#include "plan/comparison.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <golden.hpp>
#include <nlohmann/json.hpp>

#include "tracker/tracker.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

Plan plan_of(Bytes weights) {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.entries.at(3).bytes = weights;
  Plan plan;
  plan.models = {lay_out(request(), dry_run, {{kGpu, {.bytes = 384_MiB, .source = Source::estimated}}})};
  plan.devices = admit(
      plan.models, {state_of(kGpu, 8_GiB, 7_GiB, 2_GiB, 100_MiB), state_of(kHost, 16_GiB, std::nullopt, std::nullopt)});
  if (!plan.fits()) plan.alternatives.emplace_back().flags = {"-c", "1024"};
  return plan;
}

std::vector<Compared> three() {
  return {{.name = "m-Q4_K_M.gguf", .file = 740_MiB, .plan = plan_of(700_MiB)},
          {.name = "m-Q6_K.gguf", .file = 1000_MiB, .plan = plan_of(960_MiB)},
          {.name = "a-folder-with-a-long-name/and-a-model-with-a-longer-one-F16.gguf",
           .file = 2500_MiB,
           .plan = plan_of(2400_MiB)},
          {.name = "m-broken.gguf",
           .file = 3000_MiB,
           .unusable = Error(ErrorCode::model_unusable, "'x' cannot be used: it is damaged")}};
}

TEST(ComparisonTest, AsATable) { expect_golden("plan/golden/comparison.txt", to_table(three())); }

TEST(ComparisonTest, TheLargestThatFitsIsNamed) {
  const auto compared = three();
  EXPECT_EQ(largest_that_fits(compared)->name, "m-Q6_K.gguf");
  EXPECT_EQ(largest_that_fits({compared.begin() + 2, compared.end()}), nullptr);
  EXPECT_EQ(largest_that_fits({}), nullptr);
  EXPECT_THAT(to_table({compared.begin() + 2, compared.end()}), testing::HasSubstr("None of them fits"));
}

TEST(ComparisonTest, AsJson) {
  const auto json = to_json(three(), tracker::Mode::enforcing);
  EXPECT_EQ(json.at("schema"), "plimsoll.comparison/1");
  EXPECT_EQ(json.at("largest_that_fits"), "m-Q6_K.gguf");
  EXPECT_EQ(json.at("models").at(0).at("plan").at("verdict"), "fits");
  EXPECT_EQ(json.at("models").at(2).at("plan").at("verdict"), "refused");
  EXPECT_EQ(json.at("models").at(3).at("plan"), nullptr);
  EXPECT_EQ(json.at("models").at(3).at("unusable"), "'x' cannot be used: it is damaged");
  EXPECT_EQ(to_json({three().back()}, tracker::Mode::enforcing).at("largest_that_fits"), nullptr);
}

}  // namespace
}  // namespace plimsoll::plan
