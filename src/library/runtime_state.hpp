// Runtime::State: what every handle of a runtime, and everything that was opened with it, holds together.
#pragma once
#include <mutex>

#include <plimsoll/runtime.hpp>
#include "dry_run/local_dry_runs.hpp"
#include "plan/store.hpp"
#include "run/memory_accounting.hpp"
#include "run/open.hpp"

namespace plimsoll {

struct Runtime::State {
  explicit State(const RuntimeOptions& options);

  run::MemoryAccounting accounting;
  std::vector<memory::BudgetRequest> budgets;
  bool require_enforcing;
  std::mutex planning;  // dry runs and store are for one thread at a time
  dry_run::LocalDryRuns dry_runs;
  plan::Store store;
};

}  // namespace plimsoll
