// split: how a model's layers are split over several accelerators, fixed when it is planned. The engine would split
// them by what is free at the moment it loads, and would then load something else than was planned.
#pragma once
#include <string>
#include <vector>

#include "plan/plan.hpp"

namespace plimsoll::plan {

// The parameters with devices and shares named, where several accelerators are to hold layers and no shares were asked
// for: by the free capacity of each. A device that would get no share is not named, so that its backend is not started.
// Else the parameters as they are. Pure.
[[nodiscard]] engine::ModelParams with_fixed_split(engine::ModelParams params, const std::vector<DeviceState>& devices);

// The accelerators that the engine would split a model over, though no split was asked for: by name, in its order.
// Empty: there is nothing to choose (fewer than two, or devices, shares or another split mode were asked for). Pure.
[[nodiscard]] std::vector<std::string> cards_to_choose_from(const engine::ModelParams& params,
                                                            const std::vector<DeviceState>& devices);

// What may still be placed on a device: its free memory, at most what our budget leaves. 0 where nothing is known.
[[nodiscard]] Bytes free_capacity(const DeviceState& state);

}  // namespace plimsoll::plan
