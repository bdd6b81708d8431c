// runtime_estimate: what a backend is expected to take for itself before it was measured on this machine.
#pragma once
#include <plimsoll/device/device.hpp>
#include "dry_run/dry_run.hpp"

namespace plimsoll::plan {

// heuristic, always marked estimated: device context and kernels' workspace, by backend.
[[nodiscard]] Bytes estimated_runtime(const device::DeviceInfo& device, const dry_run::DryRun& dry_run);

}  // namespace plimsoll::plan
