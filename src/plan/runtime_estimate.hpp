// runtime_estimate: what a backend is expected to take for itself before it was measured on this machine.
#pragma once
#include <plimsoll/device/device.hpp>
#include "dry_run/dry_run.hpp"

namespace plimsoll::plan {

// heuristic, always marked estimated: device context and kernels' workspace, by backend.
[[nodiscard]] Bytes estimated_runtime(const device::DeviceInfo& device, const dry_run::DryRun& dry_run);

// Host memory for what the engine writes down of a KV cache's cells, wherever the cache lies; zero for those of a
// context of common length. In the host's estimate; see cells_entry.hpp where the host does not compute.
[[nodiscard]] Bytes estimated_cells(const dry_run::DryRun& dry_run);

}  // namespace plimsoll::plan
