// others: what other processes have of the devices, taken off what is free there.
#pragma once
#include <functional>
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

}  // namespace plimsoll::plan
