// Reload: another fleet, from how it differs to what the host has to change for it.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/fleet_planner.hpp"
#include "host/free_capacity.hpp"
#include "host/reload_report.hpp"
#include "plan/planner.hpp"

#include "fleet_change.hpp"
#include "model_files.hpp"

namespace plimsoll::host {

// What a reload has to know of the host. All of it outlives the reload.
struct ReloadedHost {
  std::shared_ptr<const Fleet> fleet;
  std::vector<plan::ModelPlan> plans;      // of that fleet
  std::vector<plan::DeviceState> devices;  // see Host::devices()
  const ModelFiles& files;
  broker::MachineLedger& machine;  // what other processes are promised is not free, but for what they would let go
};

// One thread.
class Reload {
 public:
  // Throws Error{usage} where the fleet contradicts itself.
  Reload(ReloadedHost host, Fleet next);
  // Plans what is new, is declared otherwise, or has other files now. Throws what planning throws that is about no
  // model.
  void plan(plan::Planner& planner);
  // Whether it can be taken over.
  void judge(plan::Planner& planner);

  [[nodiscard]] bool is_refused() const noexcept { return refused_; }
  [[nodiscard]] const ReloadReport& report() const noexcept { return report_; }
  [[nodiscard]] const std::shared_ptr<const Fleet>& fleet() const noexcept { return next_; }
  [[nodiscard]] const Fleet& before() const noexcept { return *host_.fleet; }
  // Models that are no more, or become others.
  [[nodiscard]] std::set<std::string> outgoing() const;
  // Their rules are those of the fleet; runtime settings of the host are for the host to keep.
  [[nodiscard]] FleetChange change() const;
  // Those of requests_of() the fleet; of models that stay as they are, as they are in `now`.
  [[nodiscard]] std::vector<plan::ModelPlan> plans(const std::vector<plan::ModelPlan>& now) const;
  // What was planned, with the files that were there; empty: it could not be planned.
  [[nodiscard]] const std::map<std::string, std::optional<std::string>>& files() const noexcept { return files_; }

 private:
  [[nodiscard]] bool has_other_files(const FleetModel& model) const;
  [[nodiscard]] std::vector<plan::Request> to_be_planned() const;
  void note_other_files(const FleetModel& model);
  void drop_plan_of(const FleetModel& model);
  void look_at(const FleetModel& model, const FreeCapacity& capacity);
  void look_at_budgets(const FreeCapacity& capacity);
  void add_alternatives(const FreeCapacity& capacity, plan::Planner& planner);
  [[nodiscard]] Surroundings surroundings() const;
  [[nodiscard]] const FleetModel* old(const std::string& name) const;
  [[nodiscard]] ModelDifference* changed(const std::string& name);
  [[nodiscard]] const ModelDifference* changed(const std::string& name) const;
  [[nodiscard]] bool comes(const std::string& name) const;  // new, or another one under its name
  [[nodiscard]] ModelChange change_of(const FleetModel& model) const;

  ReloadedHost host_;
  std::shared_ptr<const Fleet> next_;
  ReloadReport report_;
  bool refused_ = false;
  std::set<std::string> tried_;                              // declared as before, with other files
  std::map<std::string, plan::ModelPlan> planned_;           // models and drafts
  std::map<std::string, std::optional<std::string>> files_;  // of these
  std::vector<plan::DeviceState> devices_;                   // with the budgets of the next fleet
};

}  // namespace plimsoll::host
