// making_room: a plan does not fit since others hold the memory: models of other processes are asked to go. For
// programs without a host; a host's dispatcher decides that itself.
#pragma once
#include <stop_token>
#include <vector>

#include "broker/machine_ledger.hpp"
#include "plan/plan.hpp"

namespace plimsoll::host {

// The smallest set of idle models of others that would do, the least missed first. Waits until they have gone, or until
// nobody is left that would go. True: what is missing has come back, so the plan is worth another try. Until that is
// reserved it is not for others, for some seconds.
[[nodiscard]] bool make_room(broker::MachineLedger& machine, const std::vector<plan::DeviceVerdict>& refused,
                             const std::stop_token& stop);

}  // namespace plimsoll::host
