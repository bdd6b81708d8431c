#include "refuse_each.hpp"

#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>

#include "fault_injector.hpp"
#include "small_models.hpp"

namespace plimsoll::test {
namespace {

// One life. True: the refusal happened, and came out as an error that names it.
bool live_once(run::MemoryAccounting& accounting, FaultInjector& faults, const plan::Plan& plan, int refused) {
  faults.refuse_nth(refused);
  const std::uint64_t before = hook::counters().refusals;
  try {
    auto instance = reserve(accounting, plan);
    run::OpenOptions options;
    options.warm_up.depth = run::WarmUpDepth::quick;
    run::make_ready(*instance, options, nullptr);
    run::Generation generation(*instance, {.prompt = {1, 2, 3, 4, 5}, .predict = 3});
    while (generation.next()) {
    }
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::over_budget) << "allocation " << refused << ": " << error.what();
    EXPECT_GT(hook::counters().refusals, before) << error.what();
    return true;
  }
  return hook::counters().refusals > before;
}

}  // namespace

int refuse_each(const std::string& architecture, const std::string& device) {
  run::MemoryAccounting accounting;
  FaultInjector faults(accounting.tracker());
  plan::Request request = small_request(architecture, device, 2);
  request.dry_run.context.n_outputs_max = 8;  // so that warm-up has an output buffer to grow
  request.dry_run.model.load_mode = engine::LoadMode::none;
  const plan::Plan plan = plan_of(request);
  for (int i = 0; i < 3; ++i)
    EXPECT_FALSE(live_once(accounting, faults, plan, -1));  // what allocators and drivers keep for later
  const Bytes baseline = process_memory();
  int refused = 0;
  while (refused < 200 && live_once(accounting, faults, plan, refused)) {
    EXPECT_TRUE(accounting.ledger().empty()) << architecture << ", allocation " << refused;
    ++refused;
  }
  faults.refuse_nth(-1);
  EXPECT_FALSE(live_once(accounting, faults, plan, -1)) << architecture << " does not come back";
  // Dozens of lives of several MiB each: a leak would show; what a driver and the heap keep for later must not.
  EXPECT_LE(saturating_sub(process_memory(), baseline), 16_MiB) << architecture;
  return refused;
}

}  // namespace plimsoll::test
