// What the devices say at this moment, and how much of what is taken there is the fleet's.
#include <algorithm>

#include <plimsoll/tracker/uploads.hpp>

#include "host_impl.hpp"

namespace plimsoll::host {

bool Host::Impl::is_fleets(const std::string& owner) const {
  return owner.starts_with(owner_of_group("")) || std::ranges::any_of(fleet.models, [&](const FleetModel& model) {
           return model.request.name == owner || (model.draft && model.draft->request.name == owner);
         });
}

std::vector<plan::DeviceState> Host::Impl::readings() const {
  std::vector<plan::DeviceState> out;
  for (const plan::DeviceVerdict& verdict : device_list) {
    plan::DeviceState state = verdict.state;
    if (const auto now = accounting.probe().read(state.info))
      state.reading = *now;
    else
      state.reading.free.reset();  // what was read at the start says nothing of now
    out.push_back(std::move(state));
  }
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

Accounting Host::Impl::accounting_of(const std::vector<memory::Entry>& entries) const {
  const KeptBytes weights = kept.held();
  return {.entries = entries,
          .is_fleets = [this](const std::string& owner) { return is_fleets(owner); },
          .has_gone = [this](const std::string& owner) { return kept.size_of_model(owner) > Bytes{}; },
          .makes_way = {{SwapSpace::kOwner, swap_space.held().in_memory},
                        {tracker::KeptWeights::kOwner, weights.copies},
                        {tracker::Uploads::kOwner, staging_of(entries)}},
          .kept_models = weights.models};
}

// Sets of models are judged as if none of them were there yet.
std::vector<plan::DeviceState> Host::Impl::device_states() const {
  const std::vector<memory::Entry> entries = accounting.ledger().entries();
  return with_ours_set_aside(accounting_of(entries), readings());
}

void Host::Impl::look_at_devices() {
  const std::vector<memory::Entry> entries = accounting.ledger().entries();
  const Accounting what_is_charged = accounting_of(entries);
  std::vector<plan::DeviceState> now = readings();
  Moment moment = moment_of(what_is_charged, now);
  room.look_again(with_ours_set_aside(what_is_charged, std::move(now)), std::move(moment));
}

}  // namespace plimsoll::host
