// What this machine has warmed before is warmed in short, and nothing is missing afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run/instance.hpp"

#include "arch_models.hpp"
#include "decode_door.hpp"
#include "decoding.hpp"
#include "mixed_workload.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"

namespace plimsoll::run {
namespace {

using test::plan_of;
using test::small_request;

class RepeatedWarmUpTest : public testing::Test {
 protected:
  std::unique_ptr<Instance> warmed(const plan::Plan& plan, WarmUpDepth depth = WarmUpDepth::automatic) {
    auto instance = test::reserve(accounting_, plan);
    instance->load();
    instance->create_context();
    (void)instance->warm_up({.depth = depth}, &store_);
    instance->seal();
    return instance;
  }

  test::TemporaryFolder folder_;
  plan::Store store_{folder_ / "plimsoll.db"};
  MemoryAccounting accounting_;
};

std::vector<std::string> names(const WarmUpReport& report) {
  std::vector<std::string> out;
  for (const WarmUpStep& step : report.steps) out.push_back(step.name);
  return out;
}

TEST_F(RepeatedWarmUpTest, TheSecondOneOnTheCpuIsALayerAndAToken) {
  const plan::Plan plan = plan_of(small_request("llama-dense", "CPU"));
  const auto first = warmed(plan)->warm_up_report();
  EXPECT_FALSE(first.repeated);
  EXPECT_TRUE(first.complete());
  const auto second = warmed(plan)->warm_up_report();
  EXPECT_TRUE(second.repeated);
  EXPECT_TRUE(second.complete());
  EXPECT_THAT(names(second), testing::ElementsAre(testing::StartsWith("the first layers of "), "sample"));
  EXPECT_FALSE(warmed(plan, WarmUpDepth::full)->warm_up_report().repeated) << "who asks for a full one gets it";
}

TEST_F(RepeatedWarmUpTest, AnotherConfigurationIsWarmedInFull) {
  (void)warmed(plan_of(small_request("llama-dense", "CPU")));
  EXPECT_FALSE(warmed(plan_of(small_request("llama-dense", "CPU", 2)))->warm_up_report().repeated);
  EXPECT_FALSE(warmed(plan_of(small_request("qwen3-dense", "CPU")))->warm_up_report().repeated);
}

TEST_F(RepeatedWarmUpTest, IsNoMeasurement) {
  const plan::Plan plan = plan_of(small_request("llama-dense", "CPU"));
  const auto key = [&] {
    const plan::DeviceVerdict& host = plan.devices.front();
    return plan::runtime_key({.info = host.state.info, .reading = host.state.reading}, plan.models.front().dry_run);
  };
  (void)warmed(plan);
  const std::size_t kept = store_.measurements(key()).size();
  (void)warmed(plan);
  EXPECT_EQ(store_.measurements(key()).size(), kept);
}

TEST_F(RepeatedWarmUpTest, EveryArchitectureComputesAsBefore) {
  for (const std::string name : {"llama-moe", "mamba-dense", "jamba-dense", "deepseek2-moe"}) {
    SCOPED_TRACE(name);
    plan::Request request = small_request(name, "CPU", 2);
    request.dry_run.context.n_outputs_max = 24;
    const plan::Plan plan = plan_of(request);
    (void)warmed(plan);
    const auto again = warmed(plan);
    EXPECT_TRUE(again->warm_up_report().repeated);
    for (const std::string& violation : workload::run_mixed(*again, {.decodes = 60}).violations())
      ADD_FAILURE() << violation;
  }
}

TEST(BeginningTest, LeavesNothingOfItselfInTheAnswers) {
  const auto model = test::load_on_cpu(test::arch_model("llama-dense"));
  const auto fresh = engine::Context::create(model, test::small_context());
  const auto used = engine::Context::create(model, test::small_context());
  engine::Batch batch;
  batch.add_prompt(test::some_tokens(60), 0, 0, true);
  EXPECT_EQ(used->decode_beginning(batch, 3), engine::DecodeStatus::aborted);
  used->clear();
  EXPECT_EQ(test::logits_after(*used, test::some_tokens(20)), test::logits_after(*fresh, test::some_tokens(20)));
  used->clear();
  EXPECT_EQ(used->decode_beginning(batch, 1'000'000), engine::DecodeStatus::ok) << "a graph has fewer nodes";
}

TEST(BeginningTest, OneThatIsThrownOutOfLeavesNoLimitBehind) {
  const auto model = test::load_on_cpu(test::arch_model("llama-dense"));
  const auto context = engine::Context::create(model, test::small_context());
  engine::Batch batch;
  batch.add_prompt(test::some_tokens(60), 0, 0, true);
  {
    struct Gone {};  // of no kind that anybody expects
    const test::DecodeDoor door([](llama_context*, llama_batch) -> std::int32_t { throw Gone(); });
    EXPECT_THROW((void)context->decode_beginning(batch, 3), Gone);
  }
  EXPECT_EQ(context->decode(batch), engine::DecodeStatus::ok);
}

}  // namespace
}  // namespace plimsoll::run
