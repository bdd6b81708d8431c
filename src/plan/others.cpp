#include "plan/others.hpp"

#include <fmt/format.h>

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

void add_what_others_may_give(std::vector<DeviceState>& states, broker::MachineLedger& machine) {
  const std::vector<broker::Offer> offers = machine.offers();
  for (DeviceState& state : states) {
    if (!state.reading.free) continue;
    const broker::AccountId account = machine.account(device::memory_key(state.info));
    for (const broker::Offer& offer : offers) {
      for (const broker::ShownPart& part : offer.model.parts) {
        if (part.account == account) *state.reading.free += part.comes_back;
      }
    }
  }
}

std::string promised_text(const DeviceState& state) {
  std::string out;
  if (state.promised_to_others > Bytes{})
    out = fmt::format("{} are promised to other processes", format_bytes(state.promised_to_others));
  if (state.held_back > Bytes{})
    out += fmt::format("{}{} are beyond the budget that all processes share", out.empty() ? "" : " and ",
                       format_bytes(state.held_back));
  return out.empty() ? out : out + " ('plimsoll ps' lists them)";
}

std::string promised_lines(const std::vector<DeviceState>& states) {
  std::string out;
  for (const DeviceState& state : states) {
    const std::string text = promised_text(state);
    if (text.empty() || state.info.memory() != state.info.id) continue;
    out += fmt::format("  Not free on {}: {}.\n", state.info.id.name(), text);
  }
  return out;
}

}  // namespace plimsoll::plan
