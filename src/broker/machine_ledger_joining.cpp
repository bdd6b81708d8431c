// How a process comes to stand in the ledger, and leaves it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.hpp"

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {

static_assert(MachineLedger::kMostAccounts == kAccounts);
namespace {

std::uint64_t random_number() {
  std::random_device source;
  const std::uint64_t out = (std::uint64_t{source()} << 32U) | source();
  return out == 0 ? 1 : out;
}

}  // namespace

MachineLedger::Impl::Impl(OpenOptions given)
    : options(std::move(given)), forks(forks_so_far()), random(std::random_device{}()) {}

// A forked child's end of the file is closed already, and its number may be another file's.
MachineLedger::Impl::~Impl() {
  if (is_in_child()) {
    if (file) file->forget();
    return;
  }
  const MutexLock lock(mutex);
  if (stands()) leave();
}

// Whoever held the lock when this process was forked is not here to give it back: this needs none.
bool MachineLedger::Impl::is_in_child() const noexcept { return forks_so_far() != forks; }
bool MachineLedger::Impl::has_place() const noexcept { return file.has_value() && !is_in_child(); }
bool MachineLedger::Impl::stands() const noexcept { return has_place() && file->is_open(); }

void MachineLedger::Impl::turn_off(std::string why) noexcept {
  if (file) forget_in_children(file->descriptor());
  file.reset();
  why_off = std::move(why);
}

// The first place that can be used. A ledger that somebody asked for is not replaced by another.
void MachineLedger::Impl::join() {
  const std::string asked = options.path.empty() ? asked_by_environment() : options.path;
  const std::vector<Location> places = locations(asked);
  if (places.empty()) {
    why_off = fmt::format("it is turned off ({})", options.path.empty() ? "PLIMSOLL_BROKER=off" : "off");
    return;
  }
  std::string why;
  for (const Location& place : places) {
    if (join_at(place, why)) return;
    if (is_there_already) return turn_off(std::move(why));
    log::info("broker", "no place in the machine's ledger at '{}': {}", place.path, why);
  }
  log::warn("broker", "what other processes are promised is not seen, and what this one takes is not either: {}", why);
  turn_off(std::move(why));
}

bool MachineLedger::Impl::join_at(const Location& place, std::string& why) {
  auto opened = LedgerFile::open(place, LedgerFile::For::standing_in);
  if (!opened) {
    why = std::move(opened.error());
    return false;
  }
  file = std::move(*opened);
  location = place;
  if (options.unless_there && identity.incarnation == 0 && stands_there_already()) {
    is_there_already = true;
    why = "this process stands in it already";
    file.reset();
    return false;
  }
  if (!claim_slot()) {
    why = fmt::format("'{}' is full, or the disk that it lies on: {} processes can stand in it", place.path, kSlots);
    file.reset();
    return false;
  }
  close_in_children(file->descriptor());
  return true;
}

bool MachineLedger::Impl::stands_there_already() const {
  const ProcessIdentity self = this_process();
  const LedgerFile::Index index = file->index();
  for (std::size_t place = 0; place < kSlots; ++place) {
    if (index.active[place] == 0) continue;
    const auto other = file->read<Identity>(place);
    if (other && other->pid == self.pid && other->start_ticks == self.start_ticks &&
        other->pid_namespace == self.pid_namespace && file->is_locked_by_another(place))
      return true;
  }
  return false;
}

// Slots that nobody seems to stand in first; then those whose process may be gone.
bool MachineLedger::Impl::claim_slot() {
  const LedgerFile::Index index = file->index();
  for (std::size_t candidate = 0; candidate < kSlots; ++candidate) {
    if (index.active[candidate] == 0 && take_slot(candidate)) return true;
  }
  for (std::size_t candidate = 0; candidate < kSlots; ++candidate) {
    if (index.active[candidate] != 0 && take_slot(candidate)) return true;
  }
  return false;
}

bool MachineLedger::Impl::take_slot(std::size_t candidate) {
  if (!file->lock(candidate)) return false;
  if (!file->has_room_for(candidate)) {
    file->unlock(candidate);
    return false;
  }
  slot = candidate;
  const ProcessIdentity self = this_process();
  if (identity.incarnation == 0) identity.incarnation = random_number();
  identity.start_ticks = self.start_ticks;
  identity.pid_namespace = self.pid_namespace;
  identity.pid = self.pid;
  if (identity.joined_ms == 0) identity.joined_ms = static_cast<std::uint64_t>(boot_time().count());
  put(identity.program, options.program);
  numbers.incarnation = models.incarnation = asks.incarnation = answers.incarnation = identity.incarnation;
  others.clear();
  publish();
  return true;
}

// The flag last: who sees it finds the records.
void MachineLedger::Impl::publish() noexcept {
  identity.keys = numbers.keys = keys.size();
  numbers.count = keys.size();
  (void)file->write(slot, asks);
  (void)file->write(slot, answers);
  (void)file->write(slot, models);
  (void)file->write(slot, numbers);
  (void)file->write(slot, identity);
  (void)file->set_active(slot, true);
}

void MachineLedger::Impl::leave() noexcept {
  Numbers nothing{.incarnation = identity.incarnation, .keys = identity.keys};
  (void)file->write(slot, nothing);
  (void)file->set_active(slot, false);
  file->unlock(slot);
  turn_off("it has been left");
}

// A file that was removed or replaced (a user's shared memory goes when he logs out) is left for the one that is there;
// one that the program has closed is opened again.
void MachineLedger::Impl::find_place() noexcept {
  if (file->is_at_its_path()) return;
  try {
    log::info("broker", "the machine's ledger at '{}' is another file by now, or was closed: this process joins again",
              location.path);
    std::string why;
    forget_in_children(file->descriptor());
    if (!file->is_open()) identity.incarnation = 0;  // others have seen this one end
    const Location place = location;
    if (!join_at(place, why)) {
      log::warn("broker", "what other processes are promised is not seen any more: {}", why);
      turn_off(std::move(why));
    }
  } catch (const std::exception& error) {
    turn_off(error.what());
  }
}

AccountId MachineLedger::account(const MemoryKey& memory) {
  if (impl_->is_in_child()) return kNoAccount;
  const MutexLock lock(impl_->mutex);
  const auto known = std::ranges::find_if(impl_->keys, [&](const MemoryKey& key) { return same_memory(key, memory); });
  const auto found = static_cast<AccountId>(known - impl_->keys.begin());
  if (known != impl_->keys.end()) {
    if (!known->uuid.empty() || memory.uuid.empty()) return found;
    *known = memory;  // more is known of it by now
  } else {
    if (impl_->keys.size() == kAccounts) return kNoAccount;
    impl_->keys.push_back(memory);
  }
  KeyRecord& record = impl_->identity.accounts[found];
  put(record.pci, memory.pci);
  put(record.uuid, memory.uuid);
  put(record.name, memory.name);
  impl_->identity.keys = impl_->numbers.keys = impl_->keys.size();
  impl_->numbers.count = impl_->keys.size();
  for (auto& [slot, other] : impl_->others) other.own_keys = 0;  // compared again
  if (impl_->stands()) {
    (void)impl_->file->write(impl_->slot, impl_->identity);
    (void)impl_->file->write(impl_->slot, impl_->numbers);
  }
  return found;
}

void MachineLedger::show(std::vector<ShownModel> shown) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  Models models{.incarnation = impl_->identity.incarnation};
  models.count = static_cast<std::uint32_t>(std::min(shown.size(), kModels));
  models.left_out = static_cast<std::uint32_t>(shown.size() - models.count);
  for (std::size_t i = 0; i < models.count; ++i) {
    const ShownModel& from = shown[i];
    ModelRecord& to = models.models[i];
    put(to.name, from.name);
    to.idle_since_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(from.idle_since.count(), 0));
    to.reload_ms = static_cast<std::uint64_t>(std::max<std::int64_t>(from.reload_time.count(), 0));
    to.priority = from.priority;
    to.work = static_cast<std::uint8_t>(from.work);
    to.can_go = from.can_go ? 1 : 0;
    to.process = from.process;
    to.restarts = from.restarts;
    to.parts = static_cast<std::uint16_t>(std::min(from.parts.size(), kParts));
    for (std::size_t k = 0; k < to.parts; ++k)
      to.part[k] = {.account = from.parts[k].account,
                    .reserved = from.parts[k].reserved.value(),
                    .taken = from.parts[k].taken.value(),
                    .comes_back = from.parts[k].comes_back.value()};
  }
  models.checksum = checksum_of_record(models);
  if (models.checksum == impl_->models.checksum) return;
  impl_->models = models;
  if (impl_->stands()) (void)impl_->file->write(impl_->slot, impl_->models);
}

}  // namespace plimsoll::broker
