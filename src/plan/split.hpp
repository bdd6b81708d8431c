// split: how the layers of a model are shared out over several accelerators, settled when it is planned. The engine
// would share them by what is free at the moment it loads; what is loaded would then not be what was planned.
#pragma once
#include <string>
#include <vector>

#include <plimsoll/plan/plan.hpp>

namespace plimsoll::plan {

// The parameters with devices and shares named, where several accelerators are to hold layers and no shares were asked
// for: by the room of each, which is what is free, within its budget. One that would get no share is not named: its
// backend is not to be started. Else the parameters as they are. Pure.
[[nodiscard]] engine::ModelParams with_settled_split(engine::ModelParams params,
                                                     const std::vector<DeviceState>& devices);

// The accelerators that the engine would share a model out over, though nobody asked for a split: by name, in its
// order. Empty: there is nothing to choose (fewer than two, or devices, shares or another split mode were asked for).
// Pure.
[[nodiscard]] std::vector<std::string> cards_to_choose_from(const engine::ModelParams& params,
                                                            const std::vector<DeviceState>& devices);

// What may be placed on a device: what is free, within its budget and less what is ours there. Nothing where nothing is
// known.
[[nodiscard]] Bytes room_on(const DeviceState& state);

}  // namespace plimsoll::plan
