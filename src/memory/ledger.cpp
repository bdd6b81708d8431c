#include "memory/ledger.hpp"

#include <algorithm>

#include <plimsoll/base/error.hpp>

#include "ledger_state.hpp"

namespace plimsoll::memory {
void Counter::add(Bytes bytes) {
  current += bytes;
  total += bytes;
  peak = std::max(peak, current);
}

void Counter::remove(Bytes bytes) {
  if (bytes > current) {
    throw Error(ErrorCode::internal, "more bytes were given back than had been taken",
                {{"taken", current.value()}, {"given_back", bytes.value()}});
  }
  current -= bytes;
}

DeviceAccount Ledger::State::account_locked(const device::DeviceId& device) const {
  DeviceAccount account;
  const device::DeviceId& memory = memory_of_locked(device);
  if (const auto budget = budgets.find(memory); budget != budgets.end()) account.budget = budget->second;
  for (const auto& [key, owner] : owners) {
    if (memory_of_locked(key.first) != memory) continue;
    account.reserved += owner.reserved;
    account.taken += owner.taken;
    account.committed += owner.committed();
  }
  return account;
}

std::vector<Entry> Ledger::State::largest_locked(const device::DeviceId& device) const {
  std::vector<Entry> largest;
  for (const auto& [tag, cell] : charged) {
    if (memory_of_locked(tag.device) == memory_of_locked(device) &&
        (cell.planned > Bytes{} || cell.taken.current > Bytes{}))
      largest.push_back({.tag = tag, .planned = cell.planned, .taken = cell.taken, .allocations = cell.allocations});
  }
  std::ranges::sort(largest, std::greater<>{},
                    [](const Entry& entry) { return std::max(entry.planned, entry.taken.current); });
  if (largest.size() > Refusal::kLargestShown) largest.resize(Refusal::kLargestShown);
  return largest;
}

std::optional<Refusal> Ledger::State::judge_locked(const device::DeviceId& device, const std::string& owner,
                                                   std::optional<Stage> stage, Bytes requested, Bytes more) const {
  const DeviceAccount account = account_locked(device);
  if (!account.budget || more == Bytes{} || more <= saturating_sub(*account.budget, account.committed))
    return std::nullopt;
  return Refusal{.by = RefusedBy::budget,
                 .device = device,
                 .owner = owner,
                 .stage = stage,
                 .requested = requested,
                 .available = saturating_sub(*account.budget, account.committed),
                 .limit = *account.budget,
                 .largest = largest_locked(device)};
}

std::optional<Refusal> Ledger::State::ask_others_locked(const std::map<device::DeviceId, Bytes>& more,
                                                        const std::string& owner, std::optional<Stage> stage) {
  if (outer == nullptr) return std::nullopt;
  std::vector<OuterLedger::More> wanted;
  for (const auto& [memory, bytes] : more) {
    if (bytes > Bytes{}) wanted.push_back({.memory = memory, .bytes = bytes});
  }
  if (wanted.empty()) return std::nullopt;
  auto granted = outer->reserve(wanted);
  if (granted) return std::nullopt;
  Refusal refusal = std::move(granted.error());
  refusal.owner = owner;
  refusal.stage = stage;
  refusal.largest = largest_locked(refusal.device);
  return refusal;
}

void Ledger::State::release_to_others_locked(const device::DeviceId& device, Bytes before, Bytes after) noexcept {
  if (outer != nullptr && after < before) outer->release(memory_of_locked(device), saturating_sub(before, after));
}

void Ledger::State::plan_locked(const Tag& tag, Bytes bytes) {
  charged[tag].planned += bytes;
  owners[{tag.device, tag.owner}].reserved += bytes;
  note(EventKind::reserved, tag, bytes);
}

void Ledger::State::unplan_locked(const Tag& tag, Bytes bytes) {
  charged[tag].planned -= bytes;
  Owner& owner = owners[{tag.device, tag.owner}];
  const Bytes before = owner.committed();
  owner.reserved -= bytes;
  release_to_others_locked(tag.device, before, owner.committed());
  note(EventKind::released, tag, bytes);
}

void Ledger::State::note(EventKind kind, const Tag& tag, Bytes bytes) {
  if (log != nullptr) log->append(kind, tag, bytes);
}

Ledger::Ledger(EventLog* log, OuterLedger* outer) : state_(std::make_shared<State>()) {
  state_->log = log;
  state_->outer = outer;
}
Ledger::~Ledger() = default;

void Ledger::set_budget(const device::DeviceId& device, std::optional<Bytes> budget) {
  const std::lock_guard lock(state_->mutex);
  const device::DeviceId& memory = state_->memory_of_locked(device);
  if (budget) {
    state_->budgets[memory] = *budget;
  } else {
    state_->budgets.erase(memory);
  }
  state_->note(EventKind::budget_set, {.device = device, .owner = {}, .stage = {}, .buffer = {}},
               budget.value_or(Bytes{}));
}

void Ledger::join(const device::DeviceId& device, const device::DeviceId& memory) {
  const std::lock_guard lock(state_->mutex);
  if (device == memory || state_->memory_of_locked(device) == memory) return;
  state_->same_memory[device] = memory;
  // A budget that was set for either is one for both, and the lower one of two.
  const auto own = state_->budgets.find(device);
  if (own == state_->budgets.end()) return;
  const auto [place, is_new] = state_->budgets.try_emplace(memory, own->second);
  if (!is_new) place->second = std::min(place->second, own->second);
  state_->budgets.erase(device);
}

device::DeviceId Ledger::memory_of(const device::DeviceId& device) const {
  const std::lock_guard lock(state_->mutex);
  return state_->memory_of_locked(device);
}

std::expected<Reservation, Refusal> Ledger::reserve(const std::string& owner,
                                                    const std::vector<PlannedEntry>& entries) {
  std::map<device::DeviceId, Bytes> sums;
  for (const PlannedEntry& entry : entries) {
    if (entry.tag.owner != owner) throw Error(ErrorCode::internal, "a reservation's entries must belong to its owner");
    sums[entry.tag.device] += entry.bytes;
  }
  auto impl = std::make_shared<Reservation::Impl>();
  impl->accounting = state_;
  if (state_->outer != nullptr) {
    std::vector<device::DeviceId> memories;
    for (const auto& [device, bytes] : sums) memories.push_back(memory_of(device));
    state_->outer->look(memories, kForReservations);
  }

  const std::lock_guard lock(state_->mutex);
  std::map<device::DeviceId, Bytes> more_in;  // each memory, over the devices that share it
  for (const auto& [device, bytes] : sums) {
    // What the owner has placed without permission is covered by this reservation first.
    State::Owner after = state_->owners[{device, owner}];
    const Bytes before = after.committed();
    after.reserved += bytes;
    Bytes& more = more_in[state_->memory_of_locked(device)];
    more += saturating_sub(after.committed(), before);
    if (auto over = state_->judge_locked(device, owner, std::nullopt, bytes, more)) {
      return std::unexpected(std::move(*over));
    }
  }
  if (auto refused = state_->ask_others_locked(more_in, owner, std::nullopt))
    return std::unexpected(std::move(*refused));
  for (const PlannedEntry& entry : entries) {
    impl->entries[entry.tag] += entry.bytes;
    state_->plan_locked(entry.tag, entry.bytes);
  }
  Reservation reservation;
  reservation.state_ = std::move(impl);
  reservation.owner_ = owner;
  return reservation;
}

std::expected<void, Refusal> Ledger::take(const Tag& tag, Bytes bytes) {
  if (state_->outer != nullptr && bytes > reserved(tag.owner, tag.device).unused)
    state_->outer->look({memory_of(tag.device)}, kForTaking);
  return take(tag, bytes, Whether::about_to_be);
}

std::expected<void, Refusal> Ledger::take_what_is_there(const Tag& tag, Bytes bytes) {
  auto taken = take(tag, bytes, Whether::is);
  if (taken) placed(tag, bytes);
  return taken;
}

std::expected<void, Refusal> Ledger::take(const Tag& tag, Bytes bytes, Whether there) {
  const std::lock_guard lock(state_->mutex);
  State::Owner& owner = state_->owners[{tag.device, tag.owner}];
  State::Owner after = owner;
  after.taken += bytes;
  const Bytes more = saturating_sub(after.committed(), owner.committed());
  auto refused = state_->judge_locked(tag.device, tag.owner, tag.stage, bytes, more);
  if (!refused) {
    const device::DeviceId& memory = state_->memory_of_locked(tag.device);
    if (there == Whether::about_to_be)
      refused = state_->ask_others_locked({{memory, more}}, tag.owner, tag.stage);
    else if (state_->outer != nullptr)
      state_->outer->reserve_anyway(memory, more);
  }
  if (refused) {
    state_->note(EventKind::refused, tag, bytes);
    return std::unexpected(std::move(*refused));
  }
  owner = after;
  State::Cell& cell = state_->charged[tag];
  cell.taken.add(bytes);
  ++cell.allocations;
  state_->note(EventKind::taken, tag, bytes);
  return {};
}

// What the next two could throw says that the accounting is wrong, or the host is out of memory: that ends the
// process. NOLINTNEXTLINE(bugprone-exception-escape)
void Ledger::give_back(const Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(state_->mutex);
  State::Owner& owner = state_->owners[{tag.device, tag.owner}];
  const Bytes before = owner.committed();
  owner.taken -= bytes;
  state_->release_to_others_locked(tag.device, before, owner.committed());
  state_->charged[tag].taken.remove(bytes);
  state_->note(EventKind::given_back, tag, bytes);
}

void Ledger::placed(const Tag& tag, Bytes bytes) noexcept {
  if (state_->outer == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  state_->outer->placed(state_->memory_of_locked(tag.device), bytes);
}

void Ledger::leaving(const Tag& tag, Bytes bytes) noexcept {
  if (state_->outer == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  state_->outer->leaving(state_->memory_of_locked(tag.device), bytes);
}

Ledger::Reserved Ledger::reserved(const std::string& owner, const device::DeviceId& device) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->owners.find({device, owner});
  if (found == state_->owners.end()) return {};
  return {.bytes = found->second.reserved, .unused = saturating_sub(found->second.reserved, found->second.taken)};
}

std::vector<Entry> Ledger::largest_on(const device::DeviceId& device) const {
  const std::lock_guard lock(state_->mutex);
  return state_->largest_locked(device);
}

void Ledger::note_uncharged(const Tag& tag, Bytes bytes) {
  const std::lock_guard lock(state_->mutex);
  State::Cell& cell = state_->uncharged[tag];
  cell.taken.add(bytes);
  ++cell.allocations;
  state_->note(EventKind::mapped, tag, bytes);
}

// NOLINTNEXTLINE(bugprone-exception-escape)
void Ledger::forget_uncharged(const Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->uncharged[tag].taken.remove(bytes);
  state_->note(EventKind::unmapped, tag, bytes);
}

namespace {

void append_entries(std::vector<Entry>& out, const std::map<Tag, Ledger::State::Cell>& cells, bool charged) {
  for (const auto& [tag, cell] : cells) {
    out.push_back({.tag = tag,
                   .planned = cell.planned,
                   .taken = cell.taken,
                   .allocations = cell.allocations,
                   .charged = charged});
  }
}

}  // namespace

std::vector<Entry> Ledger::entries() const {
  std::vector<Entry> out;
  const std::lock_guard lock(state_->mutex);
  append_entries(out, state_->charged, true);
  append_entries(out, state_->uncharged, false);
  std::ranges::stable_sort(out, {}, &Entry::tag);
  return out;
}

std::vector<Entry> Ledger::entries_of(const std::string& owner) const {
  std::vector<Entry> out = entries();
  std::erase_if(out, [&](const Entry& entry) { return entry.tag.owner != owner; });
  return out;
}

DeviceAccount Ledger::account(const device::DeviceId& device) const {
  const std::lock_guard lock(state_->mutex);
  return state_->account_locked(device);
}

Bytes Ledger::taken_on(const device::DeviceId& device) const { return account(device).taken; }

bool Ledger::empty() const {
  const std::lock_guard lock(state_->mutex);
  const auto holds_nothing = [](const auto& item) {
    return item.second.planned == Bytes{} && item.second.taken.current == Bytes{};
  };
  return std::ranges::all_of(state_->charged, holds_nothing) && std::ranges::all_of(state_->uncharged, holds_nothing);
}

void Ledger::hold() const { state_->mutex.lock(); }
void Ledger::let_go() const { state_->mutex.unlock(); }

}  // namespace plimsoll::memory
