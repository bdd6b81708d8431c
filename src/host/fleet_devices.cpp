#include "fleet_devices.hpp"

#include <algorithm>
#include <utility>

#include "broker/machine_ledger.hpp"
#include "device/memory_key.hpp"
#include "plan/others.hpp"
#include "tracker/uploads.hpp"

namespace plimsoll::host {

FleetDevices::FleetDevices(run::MemoryAccounting& accounting, const Fleet& fleet,
                           std::vector<plan::DeviceVerdict> planned, const KeptModels& kept,
                           const SwapSpace& swap_space)
    : accounting_(accounting), planned_(std::move(planned)), kept_(kept), swap_space_(swap_space) {
  const MutexLock lock(mutex_);
  for (const plan::Request& request : requests_of(fleet)) models_.insert(request.name);
  isolated_ = isolated_owners(fleet);
}

std::vector<plan::DeviceVerdict> FleetDevices::planned() const {
  const MutexLock lock(mutex_);
  return planned_;
}

void FleetDevices::change(const Fleet& fleet, const std::vector<plan::DeviceState>& devices) {
  const MutexLock lock(mutex_);
  for (const plan::Request& request : requests_of(fleet)) models_.insert(request.name);
  isolated_ = isolated_owners(fleet);
  for (plan::DeviceVerdict& known : planned_) {
    const auto now = std::ranges::find(devices, known.state.info.id, [](const auto& state) { return state.info.id; });
    if (now != devices.end()) known.state.budget = now->budget;
  }
}

bool FleetDevices::is_fleets(const std::string& owner) const {
  const MutexLock lock(mutex_);
  return owner.starts_with(owner_of_group("")) || models_.contains(owner);
}

bool FleetDevices::is_elsewhere(const std::string& owner) const {
  const MutexLock lock(mutex_);
  return isolated_.contains(owner);
}

std::vector<plan::DeviceState> FleetDevices::readings() const {
  std::vector<plan::DeviceState> out;
  const broker::Moment before = accounting_.machine().moment();
  for (const plan::DeviceVerdict& verdict : planned()) {
    plan::DeviceState state = verdict.state;
    if (const auto now = accounting_.probe().read(state.info))
      state.reading = *now;
    else
      state.reading.free.reset();  // what was read at the start says nothing of now
    out.push_back(std::move(state));
  }
  plan::take_off_others(out, accounting_.machine(), before, [this](const plan::DeviceState& state) {
    return accounting_.ledger().account(state.info.id).taken;
  });
  return out;
}

namespace {

// What a load passes weights through is gone when the load is over.
Bytes staging_of(const std::vector<memory::Entry>& entries) {
  Bytes sum;
  for (const memory::Entry& entry : entries) {
    if (entry.tag.owner == tracker::Uploads::kOwner) sum += entry.taken.current;
  }
  return sum;
}

}  // namespace

Accounting FleetDevices::accounting_of(const std::vector<memory::Entry>& entries) const {
  const KeptBytes weights = kept_.held();
  return {.entries = entries,
          .is_fleets = [this](const std::string& owner) { return is_fleets(owner); },
          .has_gone = [this](const std::string& owner) { return kept_.size_of_model(owner) > Bytes{}; },
          .makes_way = {{SwapSpace::kOwner, swap_space_.held().in_memory},
                        {tracker::KeptWeights::kOwner, weights.copies},
                        {tracker::Uploads::kOwner, staging_of(entries)}},
          .kept_models = weights.models,
          .is_elsewhere = [this](const std::string& owner) { return is_elsewhere(owner); }};
}

// Sets of models are judged as if none of them were there yet.
std::vector<plan::DeviceState> FleetDevices::states() const {
  const std::vector<memory::Entry> entries = accounting_.ledger().entries();
  return with_ours_set_aside(accounting_of(entries), readings());
}

FleetDevices::ForeignMoment FleetDevices::foreign_use() const {
  const std::vector<memory::Entry> entries = accounting_.ledger().entries();
  const std::vector<plan::DeviceState> now = readings();
  const Moment moment = moment_of(accounting_of(entries), now);
  ForeignMoment out;
  for (const plan::DeviceState& state : now) {
    const device::DeviceInfo& info = state.info;
    const auto held = std::ranges::find(moment.others, info.id, &std::pair<device::DeviceId, Bytes>::first);
    if (info.memory() != info.id || held == moment.others.end()) continue;
    broker::MachineLedger& machine = accounting_.machine();
    const broker::Others others = machine.others(machine.account(device::memory_key(info)));
    out.memories.push_back({.memory = info.id,
                            .free = *state.reading.free + state.promised_to_others + state.held_back,
                            .foreign = saturating_sub(held->second, others.taken + others.coming_back)});
  }
  for (const Holding& holding : moment.holdings)
    out.holdings.push_back({.owner = holding.owner,
                            .memory = accounting_.ledger().memory_of(holding.device),
                            .comes_back = holding.comes_back});
  return out;
}

void FleetDevices::look(FreeCapacity& capacity, std::vector<OfferOfOthers> offers) const {
  const std::vector<memory::Entry> entries = accounting_.ledger().entries();
  const Accounting charged = accounting_of(entries);
  std::vector<plan::DeviceState> now = readings();
  Moment moment = moment_of(charged, now);
  moment.offers = std::move(offers);
  capacity.look_again(with_ours_set_aside(charged, std::move(now)), std::move(moment));
}

}  // namespace plimsoll::host
