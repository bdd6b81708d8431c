// What a process sees of the others, and what becomes of those that have died.
#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>
#include <utility>

#include "base/log.hpp"

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {
namespace {

// A driver may need a while to give a dead process's memory back; longer than this it is not waited for.
constexpr std::uint64_t kLongestWayBack = 5000;  // milliseconds

std::uint64_t now_ms() noexcept { return static_cast<std::uint64_t>(boot_time().count()); }

// A process's memory on the host is free before its locks are.
bool is_on_its_way(const Number& number, const KeyRecord& memory, std::uint64_t known_now) noexcept {
  if (taken(number) == 0 || text_of(memory.name) == host_key().name) return false;
  const std::uint64_t most_of_it = taken(number) - taken(number) / 8;
  return number.known_when_noticed == 0 || known_now < number.known_when_noticed + most_of_it;
}

}  // namespace

MemoryKey key_of(const KeyRecord& record) {
  return {.pci = text_of(record.pci), .uuid = text_of(record.uuid), .name = text_of(record.name)};
}

void MachineLedger::Impl::look_at_others() {
  const LedgerFile::Index index = file->index();
  if (index.damaged) {
    if (!std::exchange(told_of_damage, true))
      log::warn("broker", "the machine's ledger at '{}' was damaged; it is mended", location.path);
    mend_index();
  }
  if (index.damaged || index.active[slot] == 0) publish();
  std::erase_if(others, [&](const auto& one) { return index.active[one.first] == 0; });
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (i == slot || index.active[i] == 0) continue;
    const auto read = file->read<Numbers>(i);
    if (!read) continue;  // what was read last counts on: its writer is in the middle of it, or will mend it
    if ((read->count == 0 && read->died_ms == 0) || gone.contains(read->incarnation)) {
      others.erase(i);
      continue;
    }
    Other& other = others[i];
    const bool is_another = other.numbers.incarnation != read->incarnation || other.numbers.keys != read->keys;
    other.slot = i;
    other.numbers = *read;
    if (is_another || !other.is_known || other.own_keys != keys.size()) map_accounts(other);
  }
}

// Whoever joins at this moment, and whose flag is overwritten, sets it again when it looks next.
void MachineLedger::Impl::mend_index() {
  for (std::size_t i = 0; i < kSlots; ++i) {
    const auto read = file->read<Numbers>(i);
    const bool is_somebodys = (read && read->count > 0) || file->is_locked_by_another(i);
    (void)file->set_active(i, is_somebodys);
  }
  file->repair_header();
}

void MachineLedger::Impl::map_accounts(Other& other) {
  other.ours.fill(kNoAccount);
  other.own_keys = keys.size();
  const auto identity_of = file->read<Identity>(other.slot);
  other.is_known = identity_of && identity_of->incarnation == other.numbers.incarnation;
  if (!other.is_known) return;
  for (std::size_t i = 0; i < std::min<std::size_t>(other.numbers.count, kAccounts); ++i) {
    const MemoryKey theirs = key_of(identity_of->accounts[i]);
    const auto found = std::ranges::find_if(keys, [&](const MemoryKey& key) { return same_memory(key, theirs); });
    if (found != keys.end()) other.ours[i] = static_cast<AccountId>(found - keys.begin());
  }
}

std::vector<Standing> MachineLedger::Impl::standings(AccountId account, const Moment& before) const {
  std::vector<Standing> out;
  const auto before_of = [&](std::uint64_t incarnation, std::size_t index) -> std::optional<Before> {
    if (!before.placed_) return std::nullopt;
    const auto found = std::ranges::find_if(*before.placed_, [&](const Moment::Placed& one) {
      return one.incarnation == incarnation && one.index == index;
    });
    return found == before.placed_->end() ? std::nullopt : std::optional(found->before);
  };
  const auto now = static_cast<std::uint64_t>(boot_time().count());
  const auto expects = [&](const Numbers& one) { return one.expecting_since_ms > 0 && now < one.expecting_until_ms; };
  const auto comes_first = [&](const Numbers& theirs) {
    if (!expects(theirs) || !expects(numbers)) return expects(theirs);
    return std::tie(theirs.expecting_since_ms, theirs.incarnation) <
           std::tie(numbers.expecting_since_ms, numbers.incarnation);
  };
  out.push_back({.slot = slot,
                 .is_own = true,
                 .now = numbers.accounts[account],
                 .before = before_of(numbers.incarnation, account)});
  for (const auto& [place, other] : others) {
    for (std::size_t i = 0; i < std::min<std::size_t>(other.numbers.count, kAccounts); ++i) {
      if (other.ours[i] != account) continue;
      out.push_back({.slot = place,
                     .is_dead = other.numbers.died_ms != 0,
                     .now = other.numbers.accounts[i],
                     .expects_first = comes_first(other.numbers),
                     .before = before_of(other.numbers.incarnation, i)});
    }
  }
  return out;
}

// --- the dead ---

bool MachineLedger::Impl::is_dead(const Other& other) const {
  if (other.numbers.died_ms != 0 || !file->is_locked_by_another(other.slot)) return true;
  const auto identity_of = file->read<Identity>(other.slot);
  if (!identity_of || identity_of->incarnation != other.numbers.incarnation) return false;
  const ProcessIdentity process{.pid = static_cast<pid_t>(identity_of->pid),
                                .start_ticks = identity_of->start_ticks,
                                .pid_namespace = identity_of->pid_namespace};
  return fate_of(process, identity.pid_namespace) == Fate::gone;
}

// Another process may be at the same, for some microseconds.
bool MachineLedger::Impl::lock_soon(std::size_t place) {
  constexpr int kMostTries = 20;
  for (int tries = 0; tries < kMostTries; ++tries) {
    if (file->lock(place)) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return false;
}

bool MachineLedger::Impl::notice_deaths(const std::vector<std::optional<Bytes>>& free) {
  bool has_changed = false;
  for (auto next = others.begin(); next != others.end();) {
    Other& other = next->second;
    ++next;  // it may go
    if (!is_dead(other)) continue;
    has_changed = true;
    bury(other, free);
  }
  return has_changed;
}

// What it was promised ends at once: it takes no more. What it has taken is in the reading for as long as the device
// has not got it back; only the sum of what all hold must count it until then.
void MachineLedger::Impl::bury(Other& other, const std::vector<std::optional<Bytes>>& free) {
  const std::size_t place = other.slot;
  const std::uint64_t now = now_ms();
  if (!lock_soon(place)) {
    gone.insert(other.numbers.incarnation);
    others.erase(place);
    return;
  }
  const auto again = file->read<Numbers>(place);
  if (again && again->incarnation == other.numbers.incarnation && again->died_ms != 0) other.numbers = *again;
  if (again && again->incarnation != other.numbers.incarnation) {  // its successor has left meanwhile
    file->unlock(place);
    others.erase(place);
    return;
  }
  // What comes back makes this larger, whatever the living take or give back meanwhile; 0: unknown.
  const auto known_now = [&](std::size_t index) -> std::uint64_t {
    const AccountId ours = other.ours[index];
    if (ours >= free.size() || !free[ours]) return 0;
    std::uint64_t sum = free[ours]->value();
    for (const Standing& one : standings(ours, {})) sum += one.is_dead || one.slot == place ? 0 : taken(one.now);
    return sum;
  };
  const std::size_t count = std::min<std::size_t>(other.numbers.count, kAccounts);
  if (other.numbers.died_ms == 0) {
    other.numbers.died_ms = std::max<std::uint64_t>(now, 1);
    for (std::size_t i = 0; i < count; ++i) {
      Number& number = other.numbers.accounts[i];
      number.reserved = number.asking = number.expecting = 0;
      number.known_when_noticed = known_now(i);
    }
    (void)file->write(place, other.numbers);
  }
  const auto identity_of = file->read<Identity>(place);
  const bool is_known = identity_of && identity_of->incarnation == other.numbers.incarnation;
  bool is_waited_for = is_known && now >= other.numbers.died_ms && now - other.numbers.died_ms < kLongestWayBack;
  if (is_waited_for) {
    is_waited_for = false;
    for (std::size_t i = 0; i < count; ++i)
      is_waited_for = is_waited_for || is_on_its_way(other.numbers.accounts[i], identity_of->accounts[i], known_now(i));
  }
  if (!is_waited_for) {
    Numbers nothing{.incarnation = other.numbers.incarnation};
    (void)file->write(place, nothing);
    (void)file->set_active(place, false);
    others.erase(place);
  }
  file->unlock(place);
}

}  // namespace plimsoll::broker
