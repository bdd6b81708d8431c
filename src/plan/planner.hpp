// Planner: dry runs, readings and what is remembered, joined into a plan. The planner and its store are what has
// effects in this part.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "broker/moment.hpp"
#include "dry_run/dry_run_source.hpp"
#include "plan/plan.hpp"
#include "plan/runtime_request.hpp"
#include "plan/store.hpp"

namespace plimsoll::broker {
class MachineLedger;
}

namespace plimsoll::plan {

struct PlannerOptions {
  std::vector<memory::BudgetRequest> budgets;
  // What is committed already, per device (from the ledger of a program that runs models).
  std::vector<std::pair<device::DeviceId, Bytes>> ours;
  bool alternatives = true;  // search for some where the plan is refused
  // Models of the same compute groups that are not planned here: plans of their compute entries alone.
  std::vector<ModelPlan> group_members{};
  // What backends take for themselves, where the caller knows it: overrules estimates and earlier measurements.
  std::vector<RuntimeRequest> runtime{};
  // Estimated entries refuse nothing: a calibration goes beyond budget and free memory by their sum.
  bool beyond_estimates = false;
  // A model that cannot be used (missing, damaged, unknown, or with parameters it cannot have) is reported as
  // ModelPlan::unusable. False: its error is thrown, and there is no plan.
  bool skip_unusable = false;
  // Where other processes stand, too: what they have been promised is not free. It outlives the call. Null: nobody else
  // is seen.
  broker::MachineLedger* machine = nullptr;
};

// No reading of a device that is older than this decides: memory comes and goes.
inline constexpr std::chrono::seconds kOldestReading{2};

// One thread. Source, store and clock outlive it.
class Planner {
 public:
  Planner(dry_run::DryRunSource& dry_runs, Store& store) : Planner(dry_runs, store, system_clock()) {}
  Planner(dry_run::DryRunSource& dry_runs, Store& store, const Clock& clock)
      : dry_runs_(dry_runs), store_(store), clock_(clock) {}

  // Throws what a dry run throws (see skip_unusable); a plan that does not fit is an answer, not an error. Where there
  // are several accelerators and nobody chose among them, a model goes whole to one that holds it, the one with the
  // most free capacity (free memory, within the budget); else, and where several were named, its layers are split by
  // the free capacity of each. The plan's request names devices and shares then, so that what is loaded is what was
  // planned. Throws Error{usage} for a budget or a runtime on a device that is not there.
  [[nodiscard]] Plan plan(const std::vector<Request>& requests, const PlannerOptions& options = {});

  // The nearest configuration that fits, of all of them together, with every step explained; the plan as asked where it
  // fits already, and the refused one where nothing does.
  [[nodiscard]] Plan fit(const std::vector<Request>& requests, const PlannerOptions& options = {});

  // Read anew where the last reading is older than kOldestReading, or `machine` was not looked at before it; references
  // to an earlier answer are void then.
  [[nodiscard]] const std::vector<dry_run::DeviceView>& devices(const broker::MachineLedger* machine = nullptr);
  // How many dry runs were really made, and how many were remembered.
  [[nodiscard]] int dry_runs_made() const noexcept { return made_; }
  [[nodiscard]] int dry_runs_remembered() const noexcept { return remembered_; }

 private:
  [[nodiscard]] static const Clock& system_clock();
  [[nodiscard]] bool readings_are_old() const;
  [[nodiscard]] dry_run::DryRun dry_run(const dry_run::DryRunRequest& request, const std::string& files,
                                        const broker::MachineLedger* machine);
  [[nodiscard]] ModelPlan plan_model(Request request, const std::vector<DeviceState>& states,
                                     const PlannerOptions& options);
  [[nodiscard]] ModelPlan plan_or_skip(const Request& request, const std::vector<DeviceState>& states,
                                       const PlannerOptions& options);
  [[nodiscard]] RuntimeFigure runtime_of(const device::DeviceId& device, const dry_run::DryRun& dry_run,
                                         const std::vector<RuntimeRequest>& given,
                                         const broker::MachineLedger* machine);
  [[nodiscard]] std::vector<DeviceState> states(const PlannerOptions& options);
  [[nodiscard]] std::vector<std::string> device_names(const broker::MachineLedger* machine);
  // `requests`: those that were refused.
  [[nodiscard]] std::vector<Alternative> ways_out(const std::vector<Request>& requests,
                                                  const std::vector<ModelPlan>& refused, const PlannerOptions& options,
                                                  const std::vector<DeviceState>& states, std::size_t most);
  void explain(Plan& plan) const;

  dry_run::DryRunSource& dry_runs_;
  Store& store_;
  const Clock& clock_;
  std::vector<dry_run::DeviceView> devices_;
  Clock::TimePoint read_at_{};
  // Of the machine's ledger. Without one, all that others have taken would count as promised to them as well.
  std::optional<broker::Moment> before_reading_{};
  std::map<std::string, bool> told_of_lowered_;  // once for each device
  int made_ = 0;
  int remembered_ = 0;
};

}  // namespace plimsoll::plan
