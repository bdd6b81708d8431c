#include "readings.hpp"

#include <algorithm>
#include <optional>
#include <ranges>

namespace plimsoll::host {
namespace {

Bytes part(Bytes bytes, double share) {
  return Bytes{static_cast<std::uint64_t>(static_cast<double>(bytes.value()) * share)};
}

auto infos(const std::vector<plan::DeviceState>& readings) {
  return readings |
         std::views::transform([](const plan::DeviceState& state) -> const device::DeviceInfo& { return state.info; });
}

Bytes makes_way(const Accounting& accounting) {
  Bytes sum;
  for (const auto& [owner, bytes] : accounting.makes_way) sum += bytes;
  return sum;
}

// Under one budget with it: the same device, or another one of the same card.
bool under_one_budget(const device::DeviceId& device, const device::DeviceInfo& with,
                      const std::vector<plan::DeviceState>& readings) {
  return std::ranges::any_of(infos(readings), [&](const device::DeviceInfo& info) {
    return info.id == device && info.memory() == with.memory();
  });
}

}  // namespace

double touched(const Accounting& accounting, const std::vector<plan::DeviceState>& readings) {
  Bytes charged;
  std::optional<Bytes> used;
  for (const plan::DeviceState& state : readings) {
    if (!state.info.memory_is_hosts) continue;
    if (state.reading.used_by_us) used = state.reading.used_by_us;
    for (const memory::Entry& entry : accounting.entries) {  // each entry has one of these names
      if (entry.charged && entry.tag.device == state.info.id && !accounting.is_elsewhere(entry.tag.owner))
        charged += entry.taken.current;
    }
  }
  if (!used || charged <= *used) return 1;
  return static_cast<double>(used->value()) / static_cast<double>(charged.value());
}

Moment moment_of(const Accounting& accounting, const std::vector<plan::DeviceState>& readings) {
  Moment moment;
  const double share = touched(accounting, readings);
  for (const plan::DeviceState& state : readings) {
    const device::DeviceId& device = state.info.id;
    Bytes ours;
    for (const memory::Entry& entry : accounting.entries) {
      if (!entry.charged || !device::lies_in(entry.tag.device, state.info, infos(readings))) continue;
      ours += entry.taken.current;
      // A holding keeps the name it is charged under; FreeCapacity knows which of these are one memory.
      if (entry.tag.device != device || !accounting.is_fleets(entry.tag.owner) || accounting.has_gone(entry.tag.owner))
        continue;
      const bool is_elsewhere = accounting.is_elsewhere(entry.tag.owner);
      const bool is_in_part = state.info.memory_is_hosts && !is_elsewhere;
      const Bytes there = is_in_part ? part(entry.taken.current, share) : entry.taken.current;
      // What a backend took for a model it mostly keeps when that goes; BackendAccounting finds out how much. Of a
      // model in a process of its own it goes with that.
      const bool stays = entry.tag.stage == memory::Stage::runtime && !is_elsewhere;
      moment.holdings.push_back({.owner = entry.tag.owner,
                                 .device = device,
                                 .comes_back = stays ? Bytes{} : there,
                                 .promised = saturating_sub(std::max(entry.planned, entry.taken.current), there)});
    }
    if (!state.reading.free) continue;
    const Bytes leaves = state.info.memory_is_hosts ? makes_way(accounting) + accounting.kept_models : Bytes{};
    moment.free.emplace_back(device, *state.reading.free + leaves);
    if (!state.reading.total) continue;
    const Bytes process = std::max(ours, state.reading.used_by_us.value_or(Bytes{}));
    const Bytes read_as_free = *state.reading.free + state.promised_to_others + state.held_back;
    moment.others.emplace_back(device, saturating_sub(saturating_sub(*state.reading.total, read_as_free), process));
    if (state.promised_to_others > Bytes{}) moment.promised_to_others.emplace_back(device, state.promised_to_others);
  }
  return moment;
}

std::vector<plan::DeviceState> with_ours_set_aside(const Accounting& accounting,
                                                   std::vector<plan::DeviceState> readings) {
  const double share = touched(accounting, readings);
  for (plan::DeviceState& state : readings) {
    state.ours = {};
    Bytes fleets;
    Bytes fleets_elsewhere;
    for (const memory::Entry& entry : accounting.entries) {
      if (!entry.charged) continue;
      if (accounting.is_fleets(entry.tag.owner)) {
        if (device::lies_in(entry.tag.device, state.info, infos(readings)))
          (accounting.is_elsewhere(entry.tag.owner) ? fleets_elsewhere : fleets) += entry.taken.current;
      } else if (under_one_budget(entry.tag.device, state.info, readings)) {
        const auto leaves = accounting.makes_way.find(entry.tag.owner);
        state.ours += saturating_sub(std::max(entry.planned, entry.taken.current),
                                     leaves == accounting.makes_way.end() ? Bytes{} : leaves->second);
      }
    }
    if (!state.reading.free) continue;
    if (state.info.memory_is_hosts) *state.reading.free += makes_way(accounting);
    *state.reading.free += fleets_elsewhere + (state.info.memory_is_hosts ? part(fleets, share) : fleets);
  }
  return readings;
}

}  // namespace plimsoll::host
