// Refusal: what a verdict refuses with. A budget that is short stays short until something of ours goes; memory that
// others hold may be free the next moment, so newer readings may change the answer.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "plan/plan.hpp"

namespace plimsoll::plan {

enum class Refusal {
  none,                  // it fits
  over_budget,           // our own budget is short somewhere: looking again changes nothing
  out_of_device_memory,  // our budgets suffice; the free memory does not
};

// Pure, as everything here. With several devices one short budget is enough for over_budget.
[[nodiscard]] Refusal refusal_of(const std::vector<DeviceVerdict>& verdicts) noexcept;

// What is used of the device and is not ours: other programs, the driver's share. Empty where its memory is unknown.
[[nodiscard]] std::optional<Bytes> held_by_others(const DeviceState& state);

// "--runtime CUDA0=SIZE": what overrules the estimates that stand in this verdict, of all devices that share its
// memory.
[[nodiscard]] std::string runtime_flags(const DeviceVerdict& verdict, const std::vector<DeviceVerdict>& verdicts);

// "5.00 GiB needed on CUDA0, 2.00 GiB too much (free): 60.0 GiB of it are held by others", for every memory that says
// no.
[[nodiscard]] std::string why_refused(const std::vector<DeviceVerdict>& verdicts);

// What is thrown where a refusal is a failure: over_budget or out_of_device_memory, the sentence of above after `what`
// ("'a' does not fit"), and the numbers of the first device of that kind: needed, available, short_by, held_by_others.
// Error{internal} where everything fits.
[[nodiscard]] Error refused(const std::string& what, const std::vector<DeviceVerdict>& verdicts);

}  // namespace plimsoll::plan
