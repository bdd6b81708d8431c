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

}  // namespace
}  // namespace plimsoll::plan
