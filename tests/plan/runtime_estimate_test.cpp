#include "runtime_estimate.hpp"

#include <gtest/gtest.h>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

Bytes of_host(std::uint32_t n_ctx, bool has_cache = true) {
  dry_run::DryRun dry_run = gpu_dry_run();
  dry_run.context.n_ctx = n_ctx;
  if (!has_cache)
    std::erase_if(dry_run.entries, [](const auto& entry) { return entry.stage == memory::Stage::kv_cache; });
  return estimated_runtime(state_of(kHost, 32_GiB, 16_GiB, std::nullopt).info, dry_run);
}

// 16 million cells were seen to take 872 MB in the engine's arrays alone.
TEST(EstimatedRuntimeTest, OfTheHostHoldsWhatTheEngineWritesDownOfItsCells) {
  EXPECT_EQ(of_host(4096), of_host(16384));
  EXPECT_GE(of_host(1U << 24U), of_host(16384) + 872_MiB);
  EXPECT_EQ(of_host(1U << 24U, false), of_host(4096));
}

// The engine makes two caches then, each with a cell for every token.
TEST(EstimatedRuntimeTest, OfTheHostHoldsTheCellsOfWholeWindowsTwice) {
  dry_run::DryRun dry_run = gpu_dry_run();
  const device::DeviceInfo host = state_of(kHost, 32_GiB, 16_GiB, std::nullopt).info;
  const auto cells_with = [&](std::int32_t window, bool is_whole) {
    dry_run.model.n_swa = window;
    dry_run.context.swa_full = is_whole;
    dry_run.context.n_ctx = 16384;
    const Bytes none = estimated_runtime(host, dry_run);
    dry_run.context.n_ctx = 1U << 20U;
    return estimated_runtime(host, dry_run) - none;
  };
  const Bytes one = cells_with(0, true);
  EXPECT_EQ(cells_with(1024, false), one);
  EXPECT_EQ(cells_with(1024, true), one + one);
}

}  // namespace
}  // namespace plimsoll::plan
