// What a backend is expected to take for itself before anybody measured it here.
#pragma once
#include <plimsoll/device/device.hpp>
#include <plimsoll/tracker/dry_run.hpp>

namespace plimsoll::plan {

// heuristic, always marked estimated: device context and kernels' workspace, by backend.
[[nodiscard]] Bytes estimated_runtime(const device::DeviceInfo& device, const tracker::DryRun& dry_run);

}  // namespace plimsoll::plan
