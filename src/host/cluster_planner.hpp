// cluster_planner: what the models of a cluster take, by exact plans: a dry run for each model and kind of device,
// however many nodes there are.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "host/cluster_file.hpp"
#include "plan/planner.hpp"

namespace plimsoll::host {

// Fills in the needs of each model. A model that cannot be used gets none, and is answered with the reason. Throws what
// a dry run throws where that is about no model, Error{usage} for a device to plan on that is not there.
[[nodiscard]] std::vector<std::pair<std::string, Error>> plan_needs(ClusterFile& file, plan::Planner& planner);

// For models that have no place: configurations that the widest device or host would hold. One search for each.
void add_other_needs(ClusterFile& file, const place::Placement& placement, plan::Planner& planner);

}  // namespace plimsoll::host
