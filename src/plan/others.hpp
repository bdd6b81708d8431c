// others: what other processes have of the devices, taken off what is free there.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "broker/moment.hpp"
#include "plan/plan.hpp"

namespace plimsoll::broker {
class MachineLedger;
}

namespace plimsoll::plan {

// `before`: of a moment before the devices were read. `own`: what of a shared budget this process has itself.
void take_off_others(std::vector<DeviceState>& states, broker::MachineLedger& machine, const broker::Moment& before,
                     const std::function<Bytes(const DeviceState&)>& own);

// As if other processes had let go what they would if they were asked.
void add_what_others_may_give(std::vector<DeviceState>& states, broker::MachineLedger& machine);

// What of a device is free and not for this process: "3.2 GiB are promised to other processes ('plimsoll ps' lists
// them)"; empty: nothing.
[[nodiscard]] std::string promised_text(const DeviceState& state);
// A line for each memory of which that can be said.
[[nodiscard]] std::string promised_lines(const std::vector<DeviceState>& states);

}  // namespace plimsoll::plan
