// search: configurations near refused ones that fit, found by dry runs of the candidates, nearest first.
#pragma once
#include <functional>
#include <vector>

#include "plan/plan.hpp"

namespace plimsoll::plan {

// A model's entries, by a dry run. Throws Error where the engine refuses that configuration.
using PlanModel = std::function<ModelPlan(const Request&)>;

// Asked before each one, with how many were tried: false ends the search with what it has.
using GoOn = std::function<bool(int tried)>;

// `refused` do not fit on these devices together, `beside` counted with them. Several models change together, as flags
// do: what an alternative changes is changed in every model that asked for the same.
// Nearest first, at most `most`.
[[nodiscard]] std::vector<Alternative> search(const std::vector<ModelPlan>& refused,
                                              const std::vector<ModelPlan>& beside,
                                              const std::vector<DeviceState>& states, std::size_t most,
                                              const PlanModel& plan_model, const GoOn& go_on = {});

}  // namespace plimsoll::plan
