#include "search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include <plimsoll/base/error.hpp>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

using memory::Stage;

// An engine whose models take 700 MiB of weights by layers, cache by context and its type, compute by micro-batch.
class DryRuns {
 public:
  ModelPlan plan(const Request& request) {
    asked_.push_back(request.dry_run);
    const engine::ContextParams& context = request.dry_run.context;
    const engine::ModelParams& model = request.dry_run.model;
    if (context.type_k != engine::CacheType::f16 && refuses_quantised_.contains(request.name))
      throw Error(ErrorCode::unsupported, "this cache type is refused");
    const bool on_host = !model.devices.empty();
    const auto layers = static_cast<std::uint64_t>(model.gpu_layers < 0 ? 25 : std::min(model.gpu_layers, 25));
    const device::DeviceId& device = on_host ? kHost : kGpu;
    const auto ctx = static_cast<std::uint64_t>(context.n_ctx.value_or(4096));
    dry_run::DryRun dry_run = gpu_dry_run();
    dry_run.model.n_swa = n_swa_;
    dry_run.entries = {
        buffer(device, Stage::weights, on_host ? 700_MiB : Bytes{layers * (28U << 20U)}),
        buffer(device, Stage::kv_cache, Bytes{ctx * (context.type_k == engine::CacheType::f16 ? 24576 : 13056)}),
        buffer(device, Stage::compute, Bytes{context.n_ubatch * 614400ULL})};
    return lay_out(request, dry_run, {});
  }

  void refuses_quantised(const std::string& name) { refuses_quantised_.insert(name); }
  void has_windows() { n_swa_ = 512; }
  [[nodiscard]] int made() const { return static_cast<int>(asked_.size()); }
  [[nodiscard]] const std::vector<dry_run::DryRunRequest>& asked() const { return asked_; }

 private:
  std::set<std::string> refuses_quantised_;
  std::int32_t n_swa_ = 0;
  std::vector<dry_run::DryRunRequest> asked_;
};

std::vector<DeviceState> devices(Bytes budget) {
  return {state_of(kGpu, 8_GiB, 8_GiB, budget), state_of(kHost, 1_GiB, 1_GiB, std::nullopt)};
}

struct Tried {
  DryRuns dry_runs;
  std::vector<Alternative> found;
};

Tried search_for(const std::vector<Request>& requests, Bytes budget, const std::set<std::string>& refuse = {},
                 const std::vector<ModelPlan>& beside = {}) {
  Tried tried;
  for (const std::string& name : refuse) tried.dry_runs.refuses_quantised(name);
  std::vector<ModelPlan> refused;
  for (const Request& one : requests) refused.push_back(tried.dry_runs.plan(one));
  tried.found =
      search(refused, beside, devices(budget), 3, [&](const Request& one) { return tried.dry_runs.plan(one); });
  return tried;
}

TEST(SearchTest, SeveralModelsStepDownTogetherAndFitTogether) {
  // Three models of 1096 MiB each; with micro-batches of 64 they are 833.5.
  const std::vector<Request> asked{request("a"), request("b"), request("c")};
  const Tried tried = search_for(asked, 3000_MiB);
  ASSERT_FALSE(tried.found.empty());
  for (const Alternative& alternative : tried.found) {
    ASSERT_EQ(alternative.requests.size(), 3U);
    DryRuns again;
    std::vector<ModelPlan> models;
    for (std::size_t i = 0; i < 3; ++i)
      models.push_back(again.plan({.name = asked[i].name, .dry_run = alternative.requests[i]}));
    EXPECT_TRUE(std::ranges::all_of(admit(models, devices(3000_MiB)), &DeviceVerdict::fits));
    EXPECT_EQ(alternative.required.front().second, required_on(alternative.required.front().first, models));
  }
  const Alternative& nearest = tried.found.front();
  EXPECT_THAT(nearest.flags, ::testing::ElementsAre("-ub", "256"));
  for (const dry_run::DryRunRequest& one : nearest.requests) EXPECT_EQ(one.context.n_ubatch, 256U);
}

TEST(SearchTest, WhoWasAskedOtherwiseKeepsWhatHeHas) {
  Request other = request("b");
  other.dry_run.context.n_ubatch = 128;
  const Tried tried = search_for({request("a"), other}, 1850_MiB);
  ASSERT_FALSE(tried.found.empty());
  EXPECT_THAT(tried.found.front().flags, ::testing::ElementsAre("-ub", "256"));
  EXPECT_EQ(tried.found.front().requests[0].context.n_ubatch, 256U);
  EXPECT_EQ(tried.found.front().requests[1].context.n_ubatch, 128U);
}

TEST(SearchTest, WhatOneOfThemRefusesIsOfferedToNone) {
  const Tried all = search_for({request("a"), request("b")}, 2110_MiB);
  const Tried one_refuses = search_for({request("a"), request("b")}, 2110_MiB, {"b"});
  const auto quantised = [](const Alternative& alternative) {
    return std::ranges::contains(alternative.changes, "type_k", &Change::param);
  };
  EXPECT_TRUE(std::ranges::any_of(all.found, quantised));
  EXPECT_FALSE(one_refuses.found.empty());
  EXPECT_TRUE(std::ranges::none_of(one_refuses.found, quantised));
}

TEST(SearchTest, WhereNothingFitsItEndsAfterABoundedNumberOfDryRuns) {
  std::vector<Request> many;
  for (int i = 0; i < 8; ++i) many.push_back(request(std::string(1, static_cast<char>('a' + i))));
  const Tried tried = search_for(many, 1_MiB);
  EXPECT_TRUE(tried.found.empty());
  EXPECT_LE(tried.dry_runs.made(), 8 + 128);
}

// A mate of the compute group needs 300 MiB of compute buffers whatever this model does: smaller micro-batches would
// gain nothing.
TEST(SearchTest, WhatAComputeGroupNeedsForOthersCountsToo) {
  Request asked = request("a");
  asked.compute_group = "main";
  ModelPlan mate = model_of({buffer(kGpu, Stage::compute, 300_MiB)}, "mate");
  mate.compute_group = "main";
  const auto micro_batch_alone = [](const Alternative& alternative) {
    return alternative.changes.size() == 1 && alternative.changes.front().param == "n_ubatch";
  };
  const Tried alone = search_for({asked}, 1060_MiB);
  const Tried with_mate = search_for({asked}, 1060_MiB, {}, {mate});
  EXPECT_TRUE(std::ranges::any_of(alone.found, micro_batch_alone));
  ASSERT_FALSE(with_mate.found.empty());
  EXPECT_TRUE(std::ranges::none_of(with_mate.found, micro_batch_alone));
}

// The weights of what was asked are already known to be too much: nothing is tried by a dry run that leaves them in
// place.
TEST(SearchTest, WeightsThatAreTooHeavyAreNotDryRunAgain) {
  const Tried tried = search_for({request("a")}, 500_MiB);
  ASSERT_FALSE(tried.found.empty());
  for (const Alternative& alternative : tried.found)
    EXPECT_TRUE(std::ranges::any_of(alternative.changes, [](const Change& change) {
      return change.param == "gpu_layers" || change.param == "device";
    }));
  EXPECT_LE(tried.dry_runs.made(), 16);
}

// With 96 MiB of cache beside 700 of weights 750 are too few, whatever the micro-batch is.
int dry_runs_with_the_same_cache(bool windows) {
  DryRuns dry_runs;
  if (windows) dry_runs.has_windows();
  const Request asked = request("a");
  const std::vector<ModelPlan> refused{dry_runs.plan(asked)};
  (void)search(refused, {}, devices(750_MiB), 3, [&](const Request& one) { return dry_runs.plan(one); });
  return static_cast<int>(std::ranges::count_if(dry_runs.asked(), [&](const dry_run::DryRunRequest& one) {
    return one.model == asked.dry_run.model && one.context.type_k == asked.dry_run.context.type_k &&
           one.context.n_ctx == asked.dry_run.context.n_ctx;
  }));
}

TEST(SearchTest, ACacheThatIsTooLargeIsNotDryRunAgainWithOtherMicroBatches) {
  EXPECT_EQ(dry_runs_with_the_same_cache(false), 1);
  EXPECT_GT(dry_runs_with_the_same_cache(true), 1);  // a window's cells are more with a larger micro-batch
}

TEST(SearchTest, EndsWithWhatItHasWhenItIsTold) {
  DryRuns dry_runs;
  const std::vector<ModelPlan> refused{dry_runs.plan(request("a"))};
  const auto plan_one = [&](const Request& one) { return dry_runs.plan(one); };
  EXPECT_TRUE(search(refused, {}, devices(1060_MiB), 3, plan_one, [](int) { return false; }).empty());
  EXPECT_EQ(dry_runs.made(), 1);
  const auto all = search(refused, {}, devices(1060_MiB), 3, plan_one);
  ASSERT_GT(all.size(), 1U);
  bool goes_on = true;
  const auto first = search(
      refused, {}, devices(1060_MiB), 3,
      [&](const Request& one) {
        ModelPlan plan = dry_runs.plan(one);
        goes_on = !all_fit(admit({plan}, devices(1060_MiB)));
        return plan;
      },
      [&](int) { return goes_on; });
  EXPECT_EQ(first.size(), 1U);
}

}  // namespace
}  // namespace plimsoll::plan
