#include "host/fleet_planner.hpp"

namespace plimsoll::host {

FleetPlan plan_fleet(const Fleet& fleet, plan::Planner& planner, const Surroundings& beside) {
  plan::Plan all = planner.plan(requests_of(fleet), {.budgets = fleet.budgets,
                                                     .ours = beside.ours,
                                                     .alternatives = false,
                                                     .runtime = fleet.runtime,
                                                     .skip_unusable = true,
                                                     .machine = beside.machine});
  add_processes(fleet, all.models);
  std::vector<plan::DeviceState> devices;
  for (plan::DeviceVerdict& verdict : all.devices) devices.push_back(std::move(verdict.state));
  FleetPlan plan =
      plan_fleet(fleet, FreeCapacity(std::move(all.models), std::move(devices), drafts_of(fleet), fleet.most_models));
  require_a_usable_one(fleet, plan.capacity);
  plan.explanation = std::move(all.explanation);
  plan.explanation.append_range(explain_processes(fleet));
  plan.templates = template_remarks(fleet);
  add_alternatives(plan, fleet, planner, beside);
  return plan;
}

void add_alternatives(FleetPlan& plan, const Fleet& fleet, plan::Planner& planner, const Surroundings& beside) {
  for (NeverFits& one : plan.never) {
    const FleetModel& model = model_of(fleet, one.name);
    std::vector<plan::Request> requests{model.request};
    if (model.draft) requests.push_back(model.draft->request);
    std::vector<plan::ModelPlan> mates = plan.capacity.group_members(one.name);
    std::erase_if(mates, [&](const plan::ModelPlan& mate) { return mate.name == requests.back().name; });
    one.alternatives = planner
                           .plan(requests, {.budgets = fleet.budgets,
                                            .ours = beside.ours,
                                            .group_members = std::move(mates),
                                            .runtime = fleet.runtime,
                                            .machine = beside.machine})
                           .alternatives;
  }
}

}  // namespace plimsoll::host
