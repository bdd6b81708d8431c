#include "host/making_room.hpp"

#include <algorithm>
#include <optional>

#include "device/memory_key.hpp"
#include "host/asking_others.hpp"

namespace plimsoll::host {
namespace {

// Empty: a budget of ours is short, which nobody else can change.
std::optional<MissingMemory> shortage_of(broker::MachineLedger& machine,
                                         const std::vector<plan::DeviceVerdict>& verdicts) {
  MissingMemory out;
  for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(verdicts)) {
    if (verdict.over_budget > Bytes{}) return std::nullopt;
    const broker::AccountId account = machine.account(device::memory_key(verdict.state.info));
    if (account == broker::MachineLedger::kNoAccount) continue;
    if (verdict.required > Bytes{}) out.needs.push_back({.account = account, .more = verdict.required});
    std::uint64_t& missing = out.missing[account];
    missing = std::max(missing, verdict.short_by.value());
  }
  return out;
}

}  // namespace

bool make_room(broker::MachineLedger& machine, const std::vector<plan::DeviceVerdict>& refused,
               const std::stop_token& stop) {
  if (!machine.is_on()) return false;
  const auto shortage = shortage_of(machine, refused);
  return shortage && ask_others(machine, *shortage, stop);
}

}  // namespace plimsoll::host
