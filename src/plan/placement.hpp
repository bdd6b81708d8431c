// placement: which accelerator a model goes to, where there are several and none was named. A model is kept whole where
// a card holds it: a split costs a copy between cards for each token, and two of them busy at once.
#pragma once
#include <vector>

#include "search.hpp"

namespace plimsoll::plan {

// One plan for each request, in their order. Where the engine would share a model out over several accelerators that
// nobody named (no devices, no shares, split mode layer), each model, the largest first, goes
//   1. whole to the card with the most free capacity of those that hold it beside the others of the plan;
//   2. else in shares over all of them, where it fits beside the others so;
//   3. else whole to the card with the most free capacity that holds it alone: it takes turns, or is refused beside
//   them;
//   4. else in shares.
// A request that computes with the weights of another one of them lies where they do.
// `beside` counts on every device. Other requests are planned as they are. Throws what `plan_model` throws.
[[nodiscard]] std::vector<ModelPlan> place(const std::vector<Request>& requests, const std::vector<ModelPlan>& beside,
                                           const std::vector<DeviceState>& states, const PlanModel& plan_model);

}  // namespace plimsoll::plan
