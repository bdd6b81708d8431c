// runtime_floor: what a backend takes at the very least where a model computes, and which measurements can be believed.
// A plan without it promises memory that is not there.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include "dry_run/dry_run_source.hpp"
#include "plan/plan.hpp"

namespace plimsoll::plan {

// The question under which the store remembers what a bare device context took on a device.
[[nodiscard]] std::string context_key(const dry_run::DeviceView& device);

// Zero on the host. Elsewhere a bare device context as it was measured there, or what every backend of the kind takes:
// low on purpose, since above the truth it would throw true measurements away.
[[nodiscard]] Bytes runtime_floor(const device::DeviceInfo& device, std::optional<Bytes> measured_context);

// The runtime entry of a plan: a calibration where there is one that can be, else the estimate; never below the floor.
[[nodiscard]] RuntimeFigure runtime_figure(std::optional<Bytes> calibrated, Bytes estimated, Bytes floor);

// What a measurement of the runtime stage is worth.
enum class Worth {
  kept,
  below_floor,  // less than a bare device context: the probes did not see it all
  shared,       // the device had a context of this process already: true here, too little for the next process
  not_alone,    // another model was made ready in the same time, and the two cannot be told apart
  unconfirmed,  // far more than is plausible, for the first time: something else of the program may be in it
};
[[nodiscard]] std::string_view to_string(Worth worth) noexcept;  // why it is not kept, as the end of a sentence

// What a measurement is held against: what was planned; on an accelerator the rule of thumb where that is more, since
// pipelines that are compiled anew take many times what pipelines from the driver's cache took.
[[nodiscard]] Bytes plausible_runtime(const device::DeviceInfo& device, const dry_run::DryRun& dry_run, Bytes planned);

struct RuntimeMeasurement {
  Bytes bytes;
  Bytes plausible;
  Bytes floor;
  bool had_context = false;            // before anything of the model was loaded
  bool alone = true;                   // no other model was made ready meanwhile
  std::optional<Bytes> unconfirmed{};  // what an earlier measurement said that was not believed
};
[[nodiscard]] Worth worth_of(const RuntimeMeasurement& measurement);

}  // namespace plimsoll::plan
