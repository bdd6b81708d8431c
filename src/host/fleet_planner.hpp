// fleet_planner: what a fleet comes to, found out by a dry run it; and for what fits nowhere, what would.
#pragma once
#include <utility>
#include <vector>

#include "host/fleet_plan.hpp"
#include "plan/planner.hpp"

namespace plimsoll::host {

// Where a fleet is planned: what is taken there is not free.
struct Surroundings {
  broker::MachineLedger* machine = nullptr;                // other processes; null: nobody else is seen
  std::vector<std::pair<device::DeviceId, Bytes>> ours{};  // see plan::PlannerOptions
};

// Dry runs every model. What does not fit is an answer, and so is a model that cannot be used; throws what a dry run
// throws where no model can be used, or where that is about no model.
[[nodiscard]] FleetPlan plan_fleet(const Fleet& fleet, plan::Planner& planner, const Surroundings& beside = {});

// Fills in the alternatives of what never fits: one search for each. Throws what a dry run throws.
void add_alternatives(FleetPlan& plan, const Fleet& fleet, plan::Planner& planner, const Surroundings& beside = {});

}  // namespace plimsoll::host
