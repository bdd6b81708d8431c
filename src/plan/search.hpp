// search: configurations near refused ones that fit, found by a dry run them along the alternatives.
#pragma once
#include <functional>
#include <vector>

#include <plimsoll/plan/plan.hpp>

namespace plimsoll::plan {

// A model's budgets, really tried by a dry run. Throws Error where it cannot be had that way.
using PlanModel = std::function<ModelPlan(const Request&)>;

// `refused` do not fit on these devices together, `beside` counted with them. Several models step down together, as
// flags that hold for all of them do: what a alternative changes is changed wherever the same had been asked for.
// Nearest first, at most `most`.
[[nodiscard]] std::vector<Alternative> search(const std::vector<ModelPlan>& refused,
                                              const std::vector<ModelPlan>& beside,
                                              const std::vector<DeviceState>& states, std::size_t most,
                                              const PlanModel& plan_model);

}  // namespace plimsoll::plan
