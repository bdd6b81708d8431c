// plan_table: a plan as text for people.
#pragma once
#include <string>

#include "plan/plan.hpp"

namespace plimsoll::plan {

// A table of stages for each model, a row for each device, and where it does not fit what would. `width` is not
// exceeded by the tables; paths may be longer.
[[nodiscard]] std::string to_table(const Plan& plan);
// The tables of the models alone.
[[nodiscard]] std::string models_table(const std::vector<ModelPlan>& models);

}  // namespace plimsoll::plan
