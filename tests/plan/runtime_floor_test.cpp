// What is believed of a measured runtime, and what a plan makes of it. Figures in MiB are an H100's.
#include "plan/runtime_floor.hpp"

#include <gtest/gtest.h>

#include <expect_error.hpp>
#include <temporary_folder.hpp>
#include "dry_run/dry_run_source.hpp"
#include "plan/planner.hpp"

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

constexpr Bytes kContext = 536_MiB;

device::DeviceInfo an_accelerator(const std::string& backend) {
  device::DeviceInfo info = state_of(device::DeviceId{backend + "0"}, {}, {}, {}).info;
  info.backend = backend;
  return info;
}

TEST(RuntimeFloorTest, NoAcceleratorIsWithoutOneAndTheHostIs) {
  for (const char* backend : {"CUDA", "ROCm", "Vulkan", "SYCL"}) {
    EXPECT_GT(runtime_floor(an_accelerator(backend), {}), 0_B) << backend;
    EXPECT_EQ(runtime_floor(an_accelerator(backend), kContext), kContext) << backend;
  }
  device::DeviceInfo software = an_accelerator("Vulkan");
  software.memory_is_hosts = true;
  EXPECT_GT(runtime_floor(software, {}), 0_B);
  EXPECT_EQ(runtime_floor(state_of(kHost, {}, {}, {}).info, kContext), 0_B);
}

TEST(RuntimeFigureTest, ACalibrationBelowTheFloorIsNone) {
  const RuntimeFigure good = runtime_figure(717_MiB, 640_MiB, kContext);
  EXPECT_EQ(good.bytes, 717_MiB);
  EXPECT_EQ(good.source, Source::calibrated);
  const RuntimeFigure too_little = runtime_figure(199_MiB, 640_MiB, kContext);
  EXPECT_EQ(too_little.bytes, 640_MiB);
  EXPECT_EQ(too_little.source, Source::estimated);
  EXPECT_EQ(runtime_figure(0_B, 384_MiB, kContext).bytes, kContext);  // and no estimate is below it
  EXPECT_EQ(runtime_figure({}, 8_MiB, 0_B).bytes, 8_MiB);
  EXPECT_EQ(runtime_figure(0_B, 8_MiB, 0_B).source, Source::calibrated);  // the host's may be nothing
}

TEST(WorthTest, WhatIsPlausibleIsKept) {
  EXPECT_EQ(worth_of({.bytes = 717_MiB, .plausible = 640_MiB, .floor = kContext}), Worth::kept);
  EXPECT_EQ(worth_of({.bytes = 569_MiB, .plausible = 384_MiB, .floor = kContext}), Worth::kept);
  EXPECT_EQ(worth_of({.bytes = 2_MiB, .plausible = 10_MiB, .floor = 0_B}), Worth::kept);
  EXPECT_EQ(worth_of({.bytes = 0_B, .plausible = 0_B, .floor = 0_B}), Worth::kept);
}

TEST(WorthTest, LessThanAContextIsNot) {
  EXPECT_EQ(worth_of({.bytes = 199_MiB, .plausible = 640_MiB, .floor = kContext}), Worth::below_floor);
  EXPECT_EQ(worth_of({.bytes = 90_MiB, .plausible = 640_MiB, .floor = kContext, .had_context = true}), Worth::shared);
}

TEST(WorthTest, NorWhatWasMeasuredBesideAnother) {
  EXPECT_EQ(worth_of({.bytes = 717_MiB, .plausible = 640_MiB, .floor = kContext, .alone = false}), Worth::not_alone);
}

// 79 MiB where 1.9 were the model's: something else of the program was allocated in the same time.
TEST(WorthTest, FarMoreThanPlausibleIsKeptWhenTwoMeasurementsAgree) {
  RuntimeMeasurement odd{.bytes = 79_MiB, .plausible = 10_MiB, .floor = 0_B};
  EXPECT_EQ(worth_of(odd), Worth::unconfirmed);
  odd.unconfirmed = 30_MiB;
  EXPECT_EQ(worth_of(odd), Worth::unconfirmed);
  odd.unconfirmed = 75_MiB;
  EXPECT_EQ(worth_of(odd), Worth::kept);
}

// What is compiled anew takes more than what comes from the driver's cache, and is no less true for that.
TEST(WorthTest, OnAnAcceleratorTheRuleOfThumbIsPlausibleWhateverWasCalibrated) {
  EXPECT_EQ(plausible_runtime(an_accelerator("Vulkan"), gpu_dry_run(), 20_MiB), 384_MiB);
  EXPECT_EQ(plausible_runtime(an_accelerator("Vulkan"), gpu_dry_run(), 500_MiB), 500_MiB);
  EXPECT_EQ(plausible_runtime(state_of(kHost, {}, {}, {}).info, gpu_dry_run(), 2_MiB), 2_MiB);
}

class OneDevice final : public dry_run::DryRunSource {
 public:
  explicit OneDevice(device::DeviceInfo info) : info_(std::move(info)) {}
  [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest&) override {
    dry_run::DryRun dry_run = gpu_dry_run();
    dry_run.entries = {buffer(info_.id, memory::Stage::weights, 4155_MiB)};
    return dry_run;
  }
  [[nodiscard]] std::vector<dry_run::DeviceView> devices() override { return {view()}; }
  [[nodiscard]] dry_run::DeviceView view() const { return {.info = info_, .reading = {}}; }

 private:
  device::DeviceInfo info_;
};

// What was kept before it was known better must not come back: no budget at all, or one without its context.
TEST(RuntimeFloorPlannerTest, APlanHasNeverLessThanTheContextThatWasMeasuredThere) {
  for (const Bytes stored : {0_B, 199_MiB}) {
    OneDevice source(an_accelerator("Vulkan"));
    test::TemporaryFolder folder;
    Store store(folder / "plimsoll.db");
    store.keep_runtime(context_key(source.view()), PipelineCache::none, kContext);
    store.keep_runtime(runtime_key(source.view(), source.dry_run({})), PipelineCache::warm, stored);

    const Plan plan = Planner(source, store).plan({request()}, {.budgets = {}, .ours = {}, .alternatives = false});

    const auto runtime = std::ranges::find(plan.models.front().entries, memory::Stage::runtime, &Entry::stage);
    ASSERT_NE(runtime, plan.models.front().entries.end());
    EXPECT_GE(runtime->bytes, kContext);
    EXPECT_EQ(runtime->source, Source::estimated);
  }
}

// What is known of one model overrules what is said for all of them.
TEST(RuntimeFloorPlannerTest, WhatIsGivenForAModelIsItsOwn) {
  OneDevice source(an_accelerator("Vulkan"));
  test::TemporaryFolder folder;
  Store store(folder / "plimsoll.db");
  const device::DeviceId device = source.view().info.id;
  Request own = request("own");
  own.runtime = {{.device = device, .bytes = 700_MiB}};
  const auto runtime_of = [&](const PlannerOptions& options) {
    std::map<std::string, std::pair<Bytes, Source>> out;
    for (const ModelPlan& model : Planner(source, store).plan({own, request("other")}, options).models) {
      const auto found = std::ranges::find(model.entries, memory::Stage::runtime, &Entry::stage);
      if (found != model.entries.end()) out[model.name] = {found->bytes, found->source};
    }
    return out;
  };
  const auto alone = runtime_of({.budgets = {}, .ours = {}, .alternatives = false});
  EXPECT_EQ(alone.at("own"), std::pair(700_MiB, Source::given));
  EXPECT_EQ(alone.at("other").second, Source::estimated);
  const auto beside =
      runtime_of({.budgets = {}, .ours = {}, .alternatives = false, .runtime = {{.device = device, .bytes = 600_MiB}}});
  EXPECT_EQ(beside.at("own"), std::pair(700_MiB, Source::given));
  EXPECT_EQ(beside.at("other"), std::pair(600_MiB, Source::given));
  own.runtime = {{.device = device::DeviceId{"CUDA7"}, .bytes = 1_MiB}};
  test::expect_error(ErrorCode::usage, "'CUDA7', but there is no such device",
                     [&] { (void)runtime_of({.budgets = {}, .ours = {}, .alternatives = false}); });
}

// A model that takes a MiB for each token of a micro-batch.
class ByMicroBatch final : public dry_run::DryRunSource {
 public:
  [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override {
    dry_run::DryRun dry_run = gpu_dry_run();
    dry_run.context.n_ubatch = request.context.n_ubatch;
    dry_run.entries = {buffer(device().id, memory::Stage::weights, 1000_MiB),
                       buffer(device().id, memory::Stage::compute, Bytes{request.context.n_ubatch * (1_MiB).value()})};
    return dry_run;
  }
  [[nodiscard]] std::vector<dry_run::DeviceView> devices() override {
    return {dry_run::DeviceView{.info = device(), .reading = {}}};
  }
  [[nodiscard]] static device::DeviceInfo device() { return an_accelerator("Vulkan"); }
};

TEST(RuntimeFloorPlannerTest, AlternativesAreJudgedWithWhatIsGivenForTheModel) {
  ByMicroBatch source;
  test::TemporaryFolder folder;
  Store store(folder / "plimsoll.db");
  Planner planner(source, store);
  const device::DeviceId device = ByMicroBatch::device().id;
  Request own = request("own");
  own.runtime = {{.device = device, .bytes = 700_MiB}};  // 384 MiB are estimated
  const PlannerOptions options{.budgets = {{.device = device, .amount = 1900_MiB}}, .ours = {}};
  const Plan refused = planner.plan({own}, options);
  EXPECT_FALSE(refused.fits());
  ASSERT_FALSE(refused.alternatives.empty());
  for (const Alternative& alternative : refused.alternatives) {
    own.dry_run = alternative.requests.front();
    EXPECT_TRUE(planner.plan({own}, options).fits()) << "with micro-batches of " << own.dry_run.context.n_ubatch;
  }
}

}  // namespace
}  // namespace plimsoll::plan
