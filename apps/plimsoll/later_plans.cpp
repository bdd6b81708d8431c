#include "later_plans.hpp"

#include "options.hpp"

namespace plimsoll::app {

dry_run::DryRun LaterPlans::OneAtATime::dry_run(const dry_run::DryRunRequest& request) {
  const std::lock_guard lock(mutex_);
  return child_.dry_run(request);
}

std::vector<dry_run::DeviceView> LaterPlans::OneAtATime::devices() {
  const std::lock_guard lock(mutex_);
  return child_.devices();
}

void LaterPlans::OneAtATime::rest() {
  const std::lock_guard lock(mutex_);
  child_.rest();
}

LaterPlans::LaterPlans() : dry_runs_({program_path(), "dry-run-worker"}) {}

plan::Plan LaterPlans::plan(const std::vector<plan::Request>& requests, const host::Host& host) {
  const std::shared_ptr<const host::Fleet> fleet = host.fleet();
  plan::PlannerOptions now{.budgets = fleet->budgets, .ours = {}, .runtime = fleet->runtime};
  for (const plan::DeviceState& device : host.devices()) {
    if (device.info.memory() == device.info.id) now.ours.emplace_back(device.info.id, device.ours);
  }
  now.machine = &host.machine();
  const dry_run::RestAfterwards rest(dry_runs_);
  plan::Store store;
  return plan::Planner(dry_runs_, store).plan(requests, now);
}

host::ReloadReport LaterPlans::reload(const std::function<host::Fleet()>& read, host::Host& host,
                                      const std::stop_token& stop) {
  const dry_run::RestAfterwards rest(dry_runs_);
  plan::Store store;
  plan::Planner planner(dry_runs_, store);
  return host.reload(read, planner, stop);
}

}  // namespace plimsoll::app
