// Host::State: a host with the runtime that it is held against.
#pragma once
#include <memory>

#include <plimsoll/host.hpp>
#include "dry_run/local_dry_runs.hpp"
#include "host/host.hpp"
#include "plan/store.hpp"

#include "runtime_state.hpp"

namespace plimsoll {

// Members are destroyed from the last to the first.
struct Host::State {
  State(std::shared_ptr<Runtime::State> of, host::Fleet fleet, HostOptions options);

  std::shared_ptr<Runtime::State> runtime;
  dry_run::LocalDryRuns dry_runs;  // of its own, and a store too: its thread uses them
  plan::Store store;
  host::Host host;
};

namespace library {

// The fleet as the host knows it. Throws Error{usage} for a draft that cannot be planned.
[[nodiscard]] host::Fleet host_fleet(const Fleet& fleet, const Runtime::State& runtime);

}  // namespace library
}  // namespace plimsoll
