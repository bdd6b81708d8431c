#include "plan/others.hpp"

#include <algorithm>

#include "broker/machine_ledger.hpp"
#include "device/memory_key.hpp"

namespace plimsoll::plan {
namespace {

// A device whose memory is the host's has no memory that it could share: what others have of the host is not all its.
bool is_shared(const DeviceState& state) {
  return state.budget && state.budget->shared && (!state.info.memory_is_hosts || state.info.id.is_host());
}

}  // namespace

void take_off_others(std::vector<DeviceState>& states, broker::MachineLedger& machine, const broker::Moment& before,
                     const std::function<Bytes(const DeviceState&)>& own) {
  for (DeviceState& state : states) {
    state.promised_to_others = state.held_back = {};
    auto& free = state.reading.free;
    if (!free) continue;
    const broker::Others others = machine.others(machine.account(device::memory_key(state.info)), before);
    state.promised_to_others = std::min(others.promised, *free);
    *free -= state.promised_to_others;
    const Bytes of_others = others.reserved + others.coming_back;
    if (!is_shared(state) || of_others == Bytes{}) continue;
    const Bytes left = saturating_sub(state.budget->bytes, of_others + own(state));
    state.held_back = saturating_sub(*free, left);
    *free -= state.held_back;
  }
}

}  // namespace plimsoll::plan
