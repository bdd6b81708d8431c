#include "cells_entry.hpp"

#include <algorithm>

#include "runtime_estimate.hpp"

namespace plimsoll::plan {

void add_cells(ModelPlan& model) {
  const Bytes cells = estimated_cells(model.dry_run);
  if (cells == Bytes{} || std::ranges::contains(computing_devices(model.dry_run), device::host())) return;
  model.entries.push_back({.device = device::host(),
                           .buffer = kCellsBuffer,
                           .stage = memory::Stage::runtime,
                           .bytes = cells,
                           .source = Source::estimated,
                           .charged = true});
}

}  // namespace plimsoll::plan
