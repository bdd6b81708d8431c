// process_entry: what the process of a model takes of the host's memory beside the model.
#pragma once
#include <plimsoll/plan/entry.hpp>
#include "plan/plan.hpp"

namespace plimsoll::plan {

// In the place of a buffer's name, in the stage `runtime`.
inline constexpr const char* kProcessBuffer = "process";

// The models of a compute group share it, as they share compute buffers.
[[nodiscard]] bool is_of_compute_group(const Entry& entry) noexcept;

// Adds it, unless the plan has it. An estimate: a started process without a model, measured on x86-64.
void add_process(ModelPlan& model);

}  // namespace plimsoll::plan
