// cells_entry: what the engine writes down of a KV cache's cells, in host memory, where accelerators alone compute.
#pragma once
#include "plan/plan.hpp"

namespace plimsoll::plan {

// In the place of a buffer's name, in the stage `runtime`.
inline constexpr const char* kCellsBuffer = "cells";

// Adds it, unless it is nothing, or in the host's own runtime entry. An estimate, which no warm-up measures: it stays
// reserved.
void add_cells(ModelPlan& model);

}  // namespace plimsoll::plan
