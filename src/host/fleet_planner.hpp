// fleet_planner: what a fleet comes to, found out by a dry run it; and for what fits nowhere, what would.
#pragma once
#include "host/fleet_plan.hpp"
#include "plan/planner.hpp"

namespace plimsoll::host {

// Dry runs every model. What does not fit is an answer, and so is a model that cannot be used; throws what a dry run
// throws where no model can be used, or where that is about no model.
[[nodiscard]] FleetPlan plan_fleet(const Fleet& fleet, plan::Planner& planner);

// Fills in the alternatives of what never fits: one search for each. Throws what a dry run throws.
void add_alternatives(FleetPlan& plan, const Fleet& fleet, plan::Planner& planner);

}  // namespace plimsoll::host
