// What the devices say at this moment, and how much of what is taken there is the fleet's.
#include <algorithm>

#include "host_impl.hpp"

namespace plimsoll::host {

bool Host::Impl::is_fleets(const std::string& owner) const {
  return std::ranges::contains(plans, owner, &plan::ModelPlan::name) || owner.starts_with(owner_of_lane(""));
}

std::vector<plan::DeviceState> Host::Impl::readings() const {
  std::vector<plan::DeviceState> out;
  for (const plan::DeviceVerdict& verdict : device_list) {
    plan::DeviceState state = verdict.state;
    if (const auto now = books.probe().read(state.info))
      state.reading = *now;
    else
      state.reading.free.reset();  // what was read at the start says nothing of now
    out.push_back(std::move(state));
  }
  return out;
}

// Buffers in host memory are booked as a whole, and pages that nobody has touched are free still.
double Host::Impl::touched(const std::vector<memory::Entry>& entries,
                           const std::vector<plan::DeviceState>& readings) const {
  Bytes booked;
  std::optional<Bytes> used;
  for (const plan::DeviceState& state : readings) {
    if (!state.info.memory_is_hosts) continue;
    if (state.reading.used_by_us) used = state.reading.used_by_us;
    for (const memory::Entry& entry : entries) {
      if (entry.charged && entry.tag.device == state.info.id) booked += entry.taken.current;
    }
  }
  if (!used || booked <= *used) return 1;
  return static_cast<double>(used->value()) / static_cast<double>(booked.value());
}

namespace {

Bytes part(Bytes bytes, double share) {
  return Bytes{static_cast<std::uint64_t>(static_cast<double>(bytes.value()) * share)};
}

}  // namespace

Moment Host::Impl::moment_of(const std::vector<memory::Entry>& entries,
                             const std::vector<plan::DeviceState>& readings) const {
  Moment moment;
  const double share = touched(entries, readings);
  for (const plan::DeviceState& state : readings) {
    const device::DeviceId& device = state.info.id;
    Bytes ours;
    for (const memory::Entry& entry : entries) {
      if (entry.tag.device != device || !entry.charged) continue;
      ours += entry.taken.current;
      if (!is_fleets(entry.tag.owner)) continue;
      const Bytes there = state.info.memory_is_hosts ? part(entry.taken.current, share) : entry.taken.current;
      // What a backend took for a model it mostly keeps when that goes; BackendBook finds out how much.
      const bool stays = entry.tag.stage == memory::Stage::runtime;
      moment.holdings.push_back({.owner = entry.tag.owner,
                                 .device = device,
                                 .comes_back = stays ? Bytes{} : there,
                                 .promised = saturating_sub(std::max(entry.planned, entry.taken.current), there)});
    }
    if (!state.reading.free) continue;
    const Bytes makes_way = state.info.memory_is_hosts ? parked.held().in_memory : Bytes{};
    moment.free.emplace_back(device, *state.reading.free + makes_way);
    if (!state.reading.total) continue;
    const Bytes process = std::max(ours, state.reading.used_by_us.value_or(Bytes{}));
    moment.others.emplace_back(device,
                               saturating_sub(saturating_sub(*state.reading.total, *state.reading.free), process));
  }
  return moment;
}

// Sets of models are judged as if none of them were there yet.
std::vector<plan::DeviceState> Host::Impl::with_ours_set_aside(std::vector<plan::DeviceState> readings,
                                                               const std::vector<memory::Entry>& entries) const {
  const double share = touched(entries, readings);
  const Bytes makes_way = parked.held().in_memory;  // conversations that are parked in host memory
  for (plan::DeviceState& state : readings) {
    state.ours = {};
    Bytes fleets;
    for (const memory::Entry& entry : entries) {
      if (!entry.charged) continue;
      const bool here = entry.tag.device == state.info.id;
      const bool same_memory =
          here ||
          (state.info.memory_is_hosts && std::ranges::any_of(device_list, [&](const plan::DeviceVerdict& other) {
             return other.state.info.id == entry.tag.device && other.state.info.memory_is_hosts;
           }));
      if (is_fleets(entry.tag.owner)) {
        if (same_memory) fleets += entry.taken.current;
      } else if (here) {
        const bool leaves = entry.tag.owner == Parking::kOwner;
        state.ours += saturating_sub(std::max(entry.planned, entry.taken.current), leaves ? makes_way : Bytes{});
      }
    }
    if (state.reading.free && state.info.memory_is_hosts) *state.reading.free += makes_way;
    if (state.reading.free) *state.reading.free += state.info.memory_is_hosts ? part(fleets, share) : fleets;
  }
  return readings;
}

std::vector<plan::DeviceState> Host::Impl::device_states() const {
  return with_ours_set_aside(readings(), books.ledger().entries());
}

void Host::Impl::look_at_devices() {
  const std::vector<memory::Entry> entries = books.ledger().entries();
  std::vector<plan::DeviceState> now = readings();
  Moment moment = moment_of(entries, now);
  room.look_again(with_ours_set_aside(std::move(now), entries), std::move(moment));
}

}  // namespace plimsoll::host
