#include "ledger_history.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <plimsoll/base/error.hpp>

namespace plimsoll::memory {
namespace {

const std::array kDevices{device::DeviceId{"Vulkan0"}, device::DeviceId{"CPU"}};
const std::array<std::string, 3> kOwners{"a", "b", "c"};
const std::array<Stage, 2> kSomeStages{Stage::weights, Stage::compute};

rc::Gen<Tag> tags() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::elementOf(kDevices), rc::gen::elementOf(kOwners), rc::gen::elementOf(kSomeStages)),
      [](const auto& parts) {
        const auto& [device, owner, stage] = parts;
        return Tag{.device = device, .owner = owner, .stage = stage, .buffer = device.name()};
      });
}

std::uint64_t sum_of(const std::map<Tag, std::uint64_t>& amounts, const device::DeviceId& device,
                     const std::string& owner) {
  std::uint64_t sum = 0;
  for (const auto& [tag, bytes] : amounts) sum += tag.device == device && tag.owner == owner ? bytes : 0;
  return sum;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Step& step) {
  static constexpr std::array kNames{"set_budget", "reserve",   "resize",         "release",
                                     "take",       "give_back", "note_uncharged", "forget_uncharged"};
  return out << kNames.at(static_cast<std::size_t>(step.act)) << ' ' << step.tag.device.name() << ' ' << step.tag.owner
             << ' ' << to_string(step.tag.stage) << ' ' << step.bytes << " #" << step.pick;
}

rc::Gen<std::vector<Step>> steps() {
  // Budgets are rare, so that histories are long between them.
  const auto acts = rc::gen::weightedElement<Act>({{1, Act::set_budget},
                                                   {6, Act::reserve},
                                                   {4, Act::resize},
                                                   {3, Act::release},
                                                   {8, Act::take},
                                                   {5, Act::give_back},
                                                   {2, Act::note_uncharged},
                                                   {1, Act::forget_uncharged}});
  return rc::gen::container<std::vector<Step>>(
      rc::gen::build<Step>(rc::gen::set(&Step::act, acts), rc::gen::set(&Step::tag, tags()),
                           rc::gen::set(&Step::bytes, rc::gen::inRange<std::uint64_t>(0, 100)),
                           rc::gen::set(&Step::pick, rc::gen::inRange<std::size_t>(0, 8))));
}

void History::play(const std::vector<Step>& steps) {
  for (const Step& next : steps) {
    step(next);
    check_accounting();
  }
}

void History::wind_up() {
  held_.clear();
  for (const Placed& placed : placed_) ledger_.give_back(placed.tag, Bytes{placed.bytes});
  for (const Placed& placed : uncharged_) ledger_.forget_uncharged(placed.tag, Bytes{placed.bytes});
}

void History::step(const Step& step) {
  const auto chosen = [&](auto& list) { return list.begin() + static_cast<std::ptrdiff_t>(step.pick % list.size()); };
  switch (step.act) {
    case Act::set_budget:
      return set_budget(step);
    case Act::reserve:
      return reserve(step);
    case Act::resize:
      return held_.empty() ? void() : resize(step);
    case Act::release:
      if (!held_.empty()) held_.erase(chosen(held_));
      return;
    case Act::take:
      return take(step);
    case Act::give_back:
      if (placed_.empty()) return;
      ledger_.give_back(chosen(placed_)->tag, Bytes{chosen(placed_)->bytes});
      taken_[chosen(placed_)->tag].current -= Bytes{chosen(placed_)->bytes};
      placed_.erase(chosen(placed_));
      return;
    case Act::note_uncharged:
      ledger_.note_uncharged(step.tag, Bytes{step.bytes});
      uncharged_.push_back({step.tag, step.bytes});
      return;
    case Act::forget_uncharged:
      if (uncharged_.empty()) return;
      ledger_.forget_uncharged(chosen(uncharged_)->tag, Bytes{chosen(uncharged_)->bytes});
      uncharged_.erase(chosen(uncharged_));
      return;
  }
}

void History::set_budget(const Step& step) {
  if (step.pick == 0) {
    ledger_.set_budget(step.tag.device, std::nullopt);
    budgets_.erase(step.tag.device);
  } else {
    ledger_.set_budget(step.tag.device, Bytes{step.bytes * 4});
    budgets_[step.tag.device] = step.bytes * 4;
  }
}

// Three budgets: two stages of one device, judged as a sum, and another device.
void History::reserve(const Step& step) {
  Tag other_stage = step.tag;
  other_stage.stage = Stage::kv_cache;
  Tag other_device = step.tag;
  other_device.device = step.tag.device == kDevices[0] ? kDevices[1] : kDevices[0];
  const Amounts wanted{{step.tag, step.bytes}, {other_stage, step.bytes / 3}, {other_device, step.bytes / 2}};

  std::vector<Ledger::PlannedEntry> asked;
  for (const auto& [tag, bytes] : wanted) asked.push_back({.tag = tag, .bytes = Bytes{bytes}});
  auto answer = ledger_.reserve(step.tag.owner, asked);

  for (const device::DeviceId& device : std::set<device::DeviceId>{kDevices.begin(), kDevices.end()}) {
    if (may(device, committed(device, wanted))) continue;
    RC_ASSERT_FALSE(answer.has_value());
    check_refusal(answer.error(), device, sum_of(wanted, device, step.tag.owner));
    return;
  }
  RC_ASSERT(answer.has_value());
  held_.push_back({.reservation = std::move(*answer), .entries = wanted});
}

void History::resize(const Step& step) {
  Held& held = held_[step.pick % held_.size()];
  Tag tag = step.tag;
  tag.owner = held.reservation.owner();
  const std::uint64_t before = held.entries.contains(tag) ? held.entries[tag] : 0;
  const bool allowed = step.bytes <= before || may(tag.device, committed(tag.device, {{tag, step.bytes - before}}));
  try {
    held.reservation.resize(tag, Bytes{step.bytes});
    RC_ASSERT(allowed);
    held.entries[tag] = step.bytes;
  } catch (const Error& error) {
    RC_ASSERT_FALSE(allowed);
    RC_ASSERT(error.code() == ErrorCode::over_budget);
  }
}

void History::take(const Step& step) {
  const auto answer = ledger_.take(step.tag, Bytes{step.bytes});
  if (!may(step.tag.device, committed(step.tag.device, {}, {{step.tag, step.bytes}}))) {
    RC_ASSERT_FALSE(answer.has_value());
    check_refusal(answer.error(), step.tag.device, step.bytes);
    return;
  }
  RC_ASSERT(answer.has_value());
  placed_.push_back({step.tag, step.bytes});
  Counter& counter = taken_[step.tag];
  counter.current += Bytes{step.bytes};
  counter.total += Bytes{step.bytes};
  counter.peak = std::max(counter.peak, counter.current);
  ++allocations_[step.tag];
}

std::uint64_t History::committed(const device::DeviceId& device, const Amounts& more_reserved,
                                 const Amounts& more_taken) const {
  std::uint64_t sum = 0;
  for (const std::string& owner : kOwners) {
    std::uint64_t reserved = sum_of(more_reserved, device, owner);
    std::uint64_t taken = sum_of(more_taken, device, owner);
    for (const Held& held : held_) reserved += sum_of(held.entries, device, owner);
    for (const Placed& placed : placed_) taken += sum_of({{placed.tag, placed.bytes}}, device, owner);
    sum += std::max(reserved, taken);
  }
  return sum;
}

// Nothing may be added above the budget; what adds nothing is always allowed, also where the budget has been lowered
// below it.
bool History::may(const device::DeviceId& device, std::uint64_t committed_after) const {
  const auto budget = budgets_.find(device);
  return budget == budgets_.end() || committed_after <= budget->second || committed_after == committed(device);
}

void History::check_refusal(const Refusal& over, const device::DeviceId& device, std::uint64_t requested) const {
  RC_ASSERT(over.device == device);
  RC_ASSERT(over.requested == Bytes{requested});
  RC_ASSERT(over.by == RefusedBy::budget);
  RC_ASSERT(over.limit == Bytes{budgets_.at(device)});
  RC_ASSERT(over.available == saturating_sub(Bytes{budgets_.at(device)}, Bytes{committed(device)}));
  const auto size = [](const Entry& entry) { return std::max(entry.planned, entry.taken.current); };
  RC_ASSERT(std::ranges::is_sorted(over.largest, std::greater<>{}, size));
  std::vector<Bytes> sizes;
  for (const Entry& entry : ledger_.entries()) {
    if (entry.charged && entry.tag.device == device && size(entry) > Bytes{}) sizes.push_back(size(entry));
  }
  std::ranges::sort(sizes, std::greater<>{});
  sizes.resize(std::min<std::size_t>(sizes.size(), 5));
  RC_ASSERT(std::ranges::equal(over.largest, sizes, {}, size));
}

void History::check_accounting() const {
  for (const device::DeviceId& device : kDevices) {
    std::uint64_t reserved = 0;
    for (const Held& held : held_) {
      reserved += sum_of(held.entries, device, held.reservation.owner());
    }
    std::uint64_t taken = 0;
    for (const Placed& placed : placed_) taken += placed.tag.device == device ? placed.bytes : 0;
    const DeviceAccount account = ledger_.account(device);
    RC_ASSERT(account.budget == (budgets_.contains(device) ? std::optional(Bytes{budgets_.at(device)}) : std::nullopt));
    RC_ASSERT(account.reserved == Bytes{reserved});
    RC_ASSERT(account.taken == Bytes{taken});
    RC_ASSERT(account.committed == Bytes{committed(device)});
  }
  for (const Entry& entry : ledger_.entries()) {
    if (!entry.charged) {
      std::uint64_t noted = 0;
      for (const Placed& placed : uncharged_) noted += placed.tag == entry.tag ? placed.bytes : 0;
      RC_ASSERT(entry.taken.current == Bytes{noted});
      continue;
    }
    std::uint64_t planned = 0;
    for (const Held& held : held_) planned += held.entries.contains(entry.tag) ? held.entries.at(entry.tag) : 0;
    const Counter taken = taken_.contains(entry.tag) ? taken_.at(entry.tag) : Counter{};
    RC_ASSERT(entry.planned == Bytes{planned});
    RC_ASSERT(entry.taken.current == taken.current);
    RC_ASSERT(entry.taken.peak == taken.peak);
    RC_ASSERT(entry.taken.total == taken.total);
    RC_ASSERT(entry.allocations == (allocations_.contains(entry.tag) ? allocations_.at(entry.tag) : 0));
  }
}

}  // namespace plimsoll::memory
