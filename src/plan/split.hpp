// split: how the layers of a model are shared out over several accelerators, settled when it is planned. The engine
// would share them by what is free at the moment it loads; what is loaded would then not be what was planned.
#pragma once
#include <vector>

#include <plimsoll/plan/plan.hpp>

namespace plimsoll::plan {

// The parameters with devices and shares named, where several accelerators are to hold layers and no shares were asked
// for: by the room of each, which is what is free, under its line. Else the parameters as they are. Pure.
[[nodiscard]] engine::ModelParams with_settled_split(engine::ModelParams params,
                                                     const std::vector<DeviceState>& devices);

}  // namespace plimsoll::plan
