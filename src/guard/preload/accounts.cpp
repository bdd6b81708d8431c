#include "accounts.hpp"

#include <algorithm>

#include "device/registry.hpp"

#include "words.hpp"

namespace plimsoll::guard {

Accounts::Accounts(const Settings& settings)
    : settings_(settings), late_(limited_, ledger_, seal_), probe_(device::make_system_probes(clock_)) {
  tracker_.set_prefault(false);  // the program's pages are its own
}

std::expected<void, memory::Refusal> Accounts::Door::try_acquire(const memory::Tag& tag, Bytes bytes) {
  if (!accounts_.knows(tag.device)) accounts_.learn_devices();
  const std::lock_guard lock(accounts_.gate_);
  auto granted = next().try_acquire(tag, bytes);
  granted ? accounts_.note_peaks(tag) : accounts_.note_refusal(granted.error());
  return granted;
}

void Accounts::Door::release(const memory::Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(accounts_.gate_);
  next().release(tag, bytes);
}

bool Accounts::knows(const device::DeviceId& device) const {
  const std::lock_guard lock(devices_mutex_);
  return std::ranges::contains(devices_, device, &device::DeviceInfo::id);
}

// Outside the lock, since probes ask the engine. A device that two threads meet at once gets the same budget twice.
void Accounts::learn_devices() {
  for (device::DeviceInfo& info : device::list_devices()) {
    if (knows(info.id)) continue;
    ledger_.join(info.id, info.memory());
    set_budget(info);
    const std::lock_guard lock(devices_mutex_);
    if (!std::ranges::contains(devices_, info.id, &device::DeviceInfo::id)) devices_.push_back(std::move(info));
  }
}

void Accounts::set_budget(const device::DeviceInfo& info) {
  const auto reading = probe_->read(info);
  const auto total = reading ? reading->total : std::nullopt;
  auto tightest = memory::resolve_budget({}, info, total);
  bool asked = false;
  for (const auto& requests : settings_.budgets) {
    const auto budget = memory::resolve_budget(requests, info, total);
    if (!budget) continue;
    // The first that was asked for takes the place of what nobody asked for.
    if (!asked || !tightest || budget->bytes < tightest->bytes) tightest = budget;
    asked = true;
  }
  if (!tightest) return;
  if (tightest->lowered)
    say(Weight::note, "the budget of {} was above what it has and is {} now", info.id.name(),
        format_bytes(tightest->bytes));
  ledger_.set_budget(info.id, tightest->bytes);
}

std::vector<device::DeviceInfo> Accounts::devices() const {
  const std::lock_guard lock(devices_mutex_);
  return devices_;
}

std::vector<device::DeviceInfo> Accounts::cards() {
  if (devices().empty()) learn_devices();
  std::vector<device::DeviceInfo> cards = devices();
  std::erase_if(cards, [](const device::DeviceInfo& info) { return info.id.is_host(); });
  return cards;
}

std::vector<device::DeviceInfo> Accounts::cards_of(const std::vector<std::string>& owners) const {
  const std::vector<memory::Entry> entries = ledger_.entries();
  std::vector<device::DeviceInfo> cards = devices();
  std::erase_if(cards, [&](const device::DeviceInfo& info) {
    return info.id.is_host() || std::ranges::none_of(entries, [&](const memory::Entry& entry) {
             return entry.tag.device == info.id && entry.taken.current > Bytes{} &&
                    std::ranges::contains(owners, entry.tag.owner);
           });
  });
  return cards;
}

void Accounts::seal(const std::string& owner, bool held) {
  if (held && settings_.seal == SealMode::refuse) late_.hold(owner);
  seal_.close(owner);
}

void Accounts::unseal(const std::string& owner) {
  seal_.open(owner);
  late_.let_grow(owner);
}

std::optional<Bytes> Accounts::left_on(const device::DeviceId& device) {
  if (!knows(device)) learn_devices();
  const memory::DeviceAccount account = ledger_.account(device);
  if (!account.budget) return std::nullopt;
  return saturating_sub(*account.budget, account.committed);
}

void Accounts::note_peaks(const memory::Tag& tag) {
  const Bytes taken = ledger_.taken_on(tag.device);
  const device::DeviceId memory = ledger_.memory_of(tag.device);
  const std::lock_guard lock(devices_mutex_);
  Bytes& peak = peaks_[memory];
  peak = std::max(peak, taken);
}

void Accounts::note_refusal(const memory::Refusal& refusal) {
  constexpr std::size_t kLatest = 20;
  const std::lock_guard lock(devices_mutex_);
  ++refused_;
  refusals_.push_back(memory::to_sentence(refusal));
  if (refusals_.size() > kLatest) refusals_.pop_front();
}

std::uint64_t Accounts::refused() const {
  const std::lock_guard lock(devices_mutex_);
  return refused_;
}

std::vector<std::string> Accounts::latest_refusals() const {
  const std::lock_guard lock(devices_mutex_);
  return {refusals_.begin(), refusals_.end()};
}

std::vector<DeviceRow> Accounts::rows() const {
  std::vector<DeviceRow> rows;
  for (const device::DeviceInfo& info : devices()) {
    if (info.memory() != info.id) continue;  // another device stands for it
    const memory::DeviceAccount account = ledger_.account(info.id);
    const std::lock_guard lock(devices_mutex_);
    const auto peak = peaks_.find(info.id);
    rows.push_back({.device = info.id,
                    .description = info.description,
                    .budget = account.budget,
                    .taken = account.taken,
                    .peak = peak == peaks_.end() ? Bytes{} : peak->second});
  }
  return rows;
}

Bytes Accounts::ever_taken_by(const std::string& owner) const {
  Bytes sum;
  for (const memory::Entry& entry : ledger_.entries_of(owner)) sum += entry.taken.total;
  return sum;
}

Bytes Accounts::taken_by(const std::string& owner) const {
  Bytes sum;
  for (const memory::Entry& entry : ledger_.entries_of(owner)) {
    if (entry.charged) sum += entry.taken.current;
  }
  return sum;
}

}  // namespace plimsoll::guard
