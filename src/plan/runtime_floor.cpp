#include "plan/runtime_floor.hpp"

#include <algorithm>

#include "plan/store.hpp"

#include "runtime_estimate.hpp"

namespace plimsoll::plan {
namespace {

// Measured on an H100, driver 580: 543 MiB with CUDA 13. For other cards and drivers a part of it, by judgement: low on
// purpose.
constexpr Bytes kLeastCuda{std::uint64_t{128} << 20U};
// A device of Vulkan: 536 MiB on the H100, but a few on Mesa's drivers.
constexpr Bytes kLeastCard{std::uint64_t{8} << 20U};
// In host memory pages are counted, and a software device has few before it has compiled something.
constexpr Bytes kLeastInHostMemory{std::uint64_t{1} << 20U};

// What a measurement may exceed the plan by and still be believed at once.
constexpr Bytes kSlack{std::uint64_t{16} << 20U};

bool agree(Bytes a, Bytes b) { return 4 * std::max(a, b).value() <= 5 * std::min(a, b).value(); }

bool far_beyond(Bytes measured, Bytes plausible) {
  return 2 * saturating_sub(measured, kSlack).value() > 3 * plausible.value();
}

}  // namespace

std::string context_key(const dry_run::DeviceView& device) { return device_key(device) + "|bare device context"; }

Bytes runtime_floor(const device::DeviceInfo& device, std::optional<Bytes> measured_context) {
  if (device.id.is_host()) return Bytes{};
  const bool like_cuda = device.backend == "CUDA" || device.backend == "ROCm" || device.backend == "HIP";
  Bytes least = like_cuda ? kLeastCuda : kLeastCard;
  if (device.memory_is_hosts) least = kLeastInHostMemory;
  return std::max(least, measured_context.value_or(Bytes{}));
}

RuntimeFigure runtime_figure(std::optional<Bytes> calibrated, Bytes estimated, Bytes floor) {
  if (calibrated && *calibrated >= floor) return {.bytes = *calibrated, .source = Source::calibrated};
  return {.bytes = std::max(estimated, floor), .source = Source::estimated};
}

std::string_view to_string(Worth worth) noexcept {
  switch (worth) {
    case Worth::kept:
      return "it is kept";
    case Worth::below_floor:
      return "a device context alone takes more there, so the probes did not see it all";
    case Worth::shared:
      return "the device context was there before, so a process that starts with this model takes more";
    case Worth::not_alone:
      return "another model was made ready in the same time";
    case Worth::unconfirmed:
      return "it is far more than was expected, and may be something else of this program's; a second measurement that "
             "agrees is kept";
  }
  return "it is kept";
}

Bytes plausible_runtime(const device::DeviceInfo& device, const dry_run::DryRun& dry_run, Bytes planned) {
  return device.id.is_host() ? planned : std::max(planned, estimated_runtime(device, dry_run));
}

Worth worth_of(const RuntimeMeasurement& measurement) {
  if (!measurement.alone) return Worth::not_alone;
  if (measurement.bytes < measurement.floor) return measurement.had_context ? Worth::shared : Worth::below_floor;
  if (!far_beyond(measurement.bytes, measurement.plausible)) return Worth::kept;
  const bool confirmed = measurement.unconfirmed && agree(measurement.bytes, *measurement.unconfirmed);
  return confirmed ? Worth::kept : Worth::unconfirmed;
}

}  // namespace plimsoll::plan
