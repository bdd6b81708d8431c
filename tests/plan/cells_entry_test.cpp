// What the engine writes down of a KV cache's cells is the host's, wherever the cache lies.
#include "cells_entry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <temporary_folder.hpp>

#include "plan/planner.hpp"

#include "plan_examples.hpp"
#include "runtime_estimate.hpp"

namespace plimsoll::plan {
namespace {

using memory::Stage;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::Ne;

// A context of a million tokens, on a card or, without its layers, on the host.
class LongContext final : public dry_run::DryRunSource {
 public:
  explicit LongContext(bool on_card) : on_card_(on_card) {}
  [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest& request) override {
    dry_run::DryRun dry_run = gpu_dry_run();
    dry_run.context.n_ctx = request.context.n_ctx.value_or(1U << 20U);
    if (!on_card_) {
      for (dry_run::BufferEntry& entry : dry_run.entries) entry.device = kHost;
    }
    return dry_run;
  }
  [[nodiscard]] std::vector<dry_run::DeviceView> devices() override {
    std::vector<dry_run::DeviceView> views;
    for (const device::DeviceId& id : {kGpu, kHost}) {
      const DeviceState state = state_of(id, 64_GiB, 64_GiB, std::nullopt);
      views.push_back({.info = state.info, .reading = state.reading});
    }
    return views;
  }

 private:
  bool on_card_;
};

Plan planned(bool on_card, const PlannerOptions& options = {}) {
  LongContext source(on_card);
  const test::TemporaryFolder folder;
  Store store(folder / "plimsoll.db");
  Request asked = request();
  asked.dry_run.context.n_ctx = 1U << 20U;
  return Planner(source, store).plan({asked}, options);
}

TEST(CellsEntryTest, StandsInThePlanOfAModelOnACard) {
  const Bytes cells{((std::uint64_t{1} << 20U) - 16384) * 148};
  EXPECT_THAT(planned(true).models.front().entries, Contains(Entry{.device = kHost,
                                                                   .buffer = kCellsBuffer,
                                                                   .stage = Stage::runtime,
                                                                   .bytes = cells,
                                                                   .source = Source::estimated,
                                                                   .charged = true}));
}

TEST(CellsEntryTest, IsInTheHostsOwnRuntimeWhereTheHostComputes) {
  EXPECT_THAT(planned(false).models.front().entries, Each(Field(&Entry::buffer, Ne(kCellsBuffer))));
}

TEST(CellsEntryTest, IsNothingForAContextOfCommonLength) {
  ModelPlan model = lay_out(request(), gpu_dry_run(), {});
  add_cells(model);
  EXPECT_THAT(model.entries, Each(Field(&Entry::buffer, Ne(kCellsBuffer))));
}

// No calibration finds another figure, so the refusal promises none.
TEST(CellsEntryTest, CountsAgainstTheHostsBudgetAndIsNotMeasuredAway) {
  const std::vector<memory::BudgetRequest> budgets{{.device = kHost, .amount = 100_MiB}};
  const Plan plan = planned(true, {.budgets = budgets, .ours = {}, .alternatives = false});
  EXPECT_FALSE(plan.fits());
  EXPECT_FALSE(plan.stands_on_estimates());
  const Plan beyond = planned(true, {.budgets = budgets, .ours = {}, .alternatives = false, .beyond_estimates = true});
  EXPECT_FALSE(beyond.fits());
}

TEST(CellsEntryTest, IsNoBackendsRuntime) {
  const Plan plan = planned(true);
  for (const Entry& entry : plan.models.front().entries)
    EXPECT_EQ(is_backends_runtime(entry), entry.stage == Stage::runtime && entry.device == kGpu);
}

}  // namespace
}  // namespace plimsoll::plan
