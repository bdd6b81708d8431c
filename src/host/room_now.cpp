// Room at this moment: what is free now, what comes back with whom, and what is promised to those that stay.
#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/host/room.hpp>

namespace plimsoll::host {
namespace {

// One memory, with the devices that lie in it: a card that two backends offer, the host's.
struct Memory {
  device::DeviceInfo info;  // of the device that stands for it: the host, else the first
  std::vector<device::DeviceId> devices;
};

std::vector<Memory> memories_of(const std::vector<plan::DeviceState>& devices) {
  std::vector<Memory> out;
  for (const plan::DeviceState& device : devices) {
    auto known =
        std::ranges::find_if(out, [&](const Memory& memory) { return device::share_memory(memory.info, device.info); });
    if (known == out.end()) known = out.insert(out.end(), {.info = device.info, .devices = {}});
    known->devices.push_back(device.info.id);
    if (device.info.id.is_host()) known->info = device.info;
  }
  return out;
}

std::optional<Bytes> amount(const std::vector<std::pair<device::DeviceId, Bytes>>& amounts,
                            const device::DeviceId& device) {
  const auto found = std::ranges::find(amounts, device, &std::pair<device::DeviceId, Bytes>::first);
  return found == amounts.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace

// Under which names they stand in the ledger: with their drafts, and the compute buffers of their compute groups.
std::vector<std::string> Room::owners_of(const std::vector<std::string>& names) const {
  std::vector<std::string> out;
  for (const plan::ModelPlan& model : chosen(names)) out.push_back(model.name);
  return out;
}

std::vector<Room::Missing> Room::missing(const std::string& newcomer, const std::vector<std::string>& stay,
                                         const std::vector<std::string>& gone) const {
  std::vector<Missing> out;
  if (!moment_) return out;
  const std::vector<std::string> staying = owners_of(stay);
  std::vector<std::string> going = owners_of(gone);
  // A set of compute buffers stays with any member of its compute group, and the newcomer takes over one that is there.
  const std::vector<std::string> wanted = owners_of({newcomer});
  std::erase_if(going, [&](const auto& name) {
    return std::ranges::contains(staying, name) || std::ranges::contains(wanted, name);
  });
  const auto is_held = [&](const std::string& owner) {
    return std::ranges::any_of(moment_->holdings, [&](const Holding& held) {
      return held.owner == owner && held.comes_back + held.promised > Bytes{};
    });
  };
  std::vector<plan::ModelPlan> newcomers = chosen({newcomer});
  std::erase_if(newcomers, [&](const plan::ModelPlan& plan) { return is_held(plan.name); });
  for (plan::ModelPlan& plan : newcomers) {  // what it computes in is counted as its compute group's
    if (plan.compute_group.empty() || !is_held(owner_of_group(plan.compute_group))) continue;
    std::erase_if(plan.entries, [](const plan::Entry& entry) { return entry.stage == memory::Stage::compute; });
  }
  for (const Memory& memory : memories_of(devices_)) {
    Bytes promised;
    Bytes back;
    for (const Holding& held : moment_->holdings) {
      if (!std::ranges::contains(memory.devices, held.device)) continue;
      if (std::ranges::contains(going, held.owner))
        back += held.comes_back;
      else
        promised += held.promised;
    }
    const auto judge = [&](const device::DeviceId& device, Bytes needed) {
      const auto free = amount(moment_->free, device);
      if (!free) return;
      const Bytes available = saturating_sub(*free, promised) + back;
      if (needed > available) out.push_back({.device = device, .needed = needed, .available = available});
    };
    Bytes together;
    for (const device::DeviceId& device : memory.devices) {
      const Bytes needed = plan::required_on(device, newcomers);
      if (needed == Bytes{}) continue;
      judge(device, needed);
      together += needed;
    }
    if (memory.devices.size() > 1 && out.empty() && together > Bytes{}) judge(memory.info.id, together);
  }
  return out;
}

bool Room::admits(const std::string& newcomer, const std::vector<std::string>& stay,
                  const std::vector<std::string>& gone) const {
  std::vector<std::string> together{newcomer};
  together.insert(together.end(), stay.begin(), stay.end());
  if (!moment_) return fits(together);
  return std::ranges::all_of(judge_by_budgets(together), &plan::DeviceVerdict::fits) &&
         missing(newcomer, stay, gone).empty();
}

Shortage Room::shortage(const std::string& newcomer, const std::vector<std::string>& stay,
                        const std::vector<std::string>& gone) const {
  Shortage out;
  std::vector<Missing> all = missing(newcomer, stay, gone);
  if (!moment_) {
    std::vector<std::string> together{newcomer};
    together.insert(together.end(), stay.begin(), stay.end());
    for (const plan::DeviceVerdict& verdict : plan::one_of_each_memory(judge(together))) {
      if (verdict.fits()) continue;
      all.push_back({.device = verdict.state.info.id,
                     .needed = verdict.required,
                     .available = saturating_sub(verdict.required, verdict.short_by)});
    }
  }
  for (const Missing& one : all) {
    out.sentence += fmt::format("{}{} needed on {}, where {} are free", out.sentence.empty() ? "" : "; ",
                                format_bytes(one.needed), one.device.name(), format_bytes(one.available));
    if (out.numbers.empty()) out.numbers = {{"needed", one.needed.value()}, {"available", one.available.value()}};
    if (!moment_) continue;
    const auto others = amount(moment_->others, one.device);
    if (!others) continue;
    out.sentence += fmt::format(" and others hold {}", format_bytes(*others));
    if (out.numbers.size() == 2) out.numbers.emplace_back("held_by_others", others->value());
  }
  return out;
}

}  // namespace plimsoll::host
