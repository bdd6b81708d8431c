#include "accounts.hpp"

#include <ggml-backend.h>

#include <algorithm>

#include "device/registry.hpp"
#include "host/asking_others.hpp"

#include "words.hpp"

namespace plimsoll::guard {
namespace {

constexpr int kMostTries = 3;  // where others let idle models go, and somebody else was quicker

// Where there is no accelerator, a budget without a device is the host's, unless one names that.
std::vector<memory::BudgetRequest> of_the_host(std::vector<memory::BudgetRequest> requests) {
  const auto is_hosts = [](const memory::BudgetRequest& request) { return request.device == device::host(); };
  if (std::ranges::any_of(requests, is_hosts)) return requests;
  for (memory::BudgetRequest& request : requests) {
    if (!request.device) request.device = device::host();
  }
  return requests;
}

}  // namespace

// A program that stands in the machine's ledger by itself is not counted there twice.
Accounts::Accounts(const Settings& settings, const std::string& program)
    : settings_(settings),
      probe_(device::make_system_probes(clock_)),
      machine_(broker::MachineLedger::open({.program = program, .path = {}, .unless_there = true})),
      machine_memory_(*machine_, *probe_),
      ledger_(nullptr, &allowance_),
      shown_(ledger_, machine_memory_, *machine_),
      late_(limited_, ledger_, seal_) {
  tracker_.set_prefault(false);  // the program's pages are its own
}

std::expected<void, memory::Refusal> Accounts::Door::try_acquire(const memory::Tag& tag, Bytes bytes) {
  // Backends may have come since: a budget without a device is no more the host's then.
  if (!accounts_.knows(tag.device) || accounts_.devices_offered_ != ggml_backend_dev_count()) accounts_.learn_devices();
  auto granted = try_once(tag, bytes);
  for (int tries = 0; tries < kMostTries && !granted && accounts_.others_made_room(granted.error()); ++tries)
    granted = try_once(tag, bytes);
  if (!granted) accounts_.note_refusal(granted.error());
  return granted;
}

std::expected<void, memory::Refusal> Accounts::Door::try_once(const memory::Tag& tag, Bytes bytes) {
  const std::lock_guard lock(accounts_.gate_);
  accounts_.look(tag, bytes);
  auto granted = next().try_acquire(tag, bytes);
  if (granted) accounts_.note_peaks(tag);
  return granted;
}

// At the machine's ledger and the device, where the answer depends on them.
void Accounts::look(const memory::Tag& tag, Bytes bytes) {
  if (bytes <= ledger_.reserved(tag.owner, tag.device).unused) return;
  const device::DeviceId memory = ledger_.memory_of(tag.device);
  if (bytes > allowance_.left(memory)) machine_memory_.look({memory}, memory::kForTaking);
}

// The gate is open meanwhile: it takes as long as they need.
bool Accounts::others_made_room(const memory::Refusal& refusal) {
  if (refusal.by != memory::RefusedBy::others) return false;
  const auto account = [&] {
    const std::lock_guard lock(gate_);
    return machine_memory_.account_of(refusal.device);
  }();
  if (!account) return false;
  const Bytes missing = saturating_sub(refusal.requested, refusal.available.value_or(Bytes{}));
  const host::MissingMemory shortage{.missing = {{*account, missing.value()}},
                                     .needs = {{.account = *account, .more = refusal.requested}}};
  if (!host::ask_others(*machine_, shortage, {})) return false;
  const std::lock_guard lock(gate_);
  machine_memory_.look({refusal.device}, memory::kForReservations);
  return true;
}

void Accounts::Door::release(const memory::Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(accounts_.gate_);
  next().release(tag, bytes);
}

void Accounts::Door::placed(const memory::Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(accounts_.gate_);
  next().placed(tag, bytes);
}

void Accounts::Door::leaving(const memory::Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(accounts_.gate_);
  next().leaving(tag, bytes);
}

bool Accounts::knows(const device::DeviceId& device) const {
  const std::lock_guard lock(devices_mutex_);
  return std::ranges::contains(devices_, device, &device::DeviceInfo::id);
}

// Outside the lock, since probes ask the engine. A device that two threads meet at once gets the same budget twice.
void Accounts::learn_devices() {
  devices_offered_ = ggml_backend_dev_count();
  std::vector<device::DeviceInfo> all = device::list_devices();
  const bool host_is_alone = std::ranges::all_of(all, [](const device::DeviceInfo& info) { return info.id.is_host(); });
  const bool are_others_new = host_is_alone_.exchange(host_is_alone) != host_is_alone;
  for (device::DeviceInfo& info : all) {
    if (knows(info.id) && !(info.id.is_host() && are_others_new)) continue;
    {
      const std::lock_guard lock(gate_);
      ledger_.join(info.id, info.memory());
      machine_memory_.know(info);
    }
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
    const auto budget = memory::resolve_budget(host_is_alone_ ? of_the_host(requests) : requests, info, total);
    if (!budget) continue;
    // The first that was asked for takes the place of what nobody asked for.
    if (!asked || !tightest || budget->bytes < tightest->bytes) tightest = budget;
    asked = true;
  }
  if (!tightest) {  // the host may have had one while there was no other device
    if (!info.id.is_host()) return;
    const std::lock_guard lock(gate_);
    ledger_.set_budget(info.id, std::nullopt);
    machine_memory_.limit(info.id, std::nullopt);
    return;
  }
  if (tightest->lowered)
    say(Weight::note, "the budget of {} was above what it has and is {} now", info.id.name(),
        format_bytes(tightest->bytes));
  const std::lock_guard lock(gate_);
  ledger_.set_budget(info.id, tightest->bytes);
  if (info.memory_is_hosts && !info.id.is_host()) return;  // the host's memory has the host's limit
  machine_memory_.limit(info.id, tightest->shared ? std::optional(tightest->bytes) : std::nullopt);
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

void Accounts::hold() {
  gate_.lock();
  devices_mutex_.lock();
  names_.hold();
  tracker_.hold();
  ledger_.hold();
}

void Accounts::let_go() {
  ledger_.let_go();
  tracker_.let_go();
  names_.let_go();
  devices_mutex_.unlock();
  gate_.unlock();
}

memory::SealCounts Accounts::late_counts(const std::string& owner) const {
  const std::lock_guard lock(gate_);
  return seal_.counts(owner);
}

void Accounts::seal(const std::string& owner, bool held) {
  const std::lock_guard lock(gate_);
  if (held && settings_.seal == SealMode::refuse) late_.hold(owner);
  seal_.close(owner);
}

void Accounts::unseal(const std::string& owner) {
  const std::lock_guard lock(gate_);
  seal_.open(owner);
  late_.let_grow(owner);
}

broker::Moment Accounts::moment() const {
  const std::lock_guard lock(gate_);
  return machine_->moment();
}

Bytes Accounts::left_on(const device::DeviceId& device, Bytes free, const broker::Moment& before) {
  if (!knows(device)) learn_devices();
  const std::lock_guard lock(gate_);
  const memory::DeviceAccount account = ledger_.account(device);
  Bytes left = free;
  if (account.budget) left = std::min(left, saturating_sub(*account.budget, account.committed));
  const auto known = machine_memory_.account_of(device);
  if (!known) return left;
  const broker::Others others = machine_->others(*known, before);
  left = std::min(left, saturating_sub(free, others.promised));
  if (const auto limit = machine_memory_.limit_of(device))
    left = std::min(left, saturating_sub(*limit, account.committed + others.reserved + others.coming_back));
  return left;
}

// --- beside what passes the door ---

void Accounts::take_what_is_there(const memory::Tag& tag, Bytes bytes, std::string_view doing) {
  const std::lock_guard lock(gate_);
  if (auto granted = ledger_.take_what_is_there(tag, bytes); !granted)
    throw memory::Refused(std::move(granted.error()), doing);
}

memory::Reservation Accounts::hold_what_is_taken(const std::string& owner, std::string_view doing) {
  std::vector<memory::Ledger::PlannedEntry> entries;
  const std::lock_guard lock(gate_);
  for (const memory::Entry& entry : ledger_.entries_of(owner)) {
    if (entry.charged && entry.taken.current > Bytes{})
      entries.push_back({.tag = entry.tag, .bytes = entry.taken.current});
  }
  auto reservation = ledger_.reserve(owner, entries);
  if (!reservation) throw memory::Refused(std::move(reservation.error()), doing);
  return std::move(*reservation);
}

void Accounts::give_back(const memory::Tag& tag, Bytes bytes) noexcept {
  const std::lock_guard lock(gate_);
  ledger_.leaving(tag, bytes);
  ledger_.give_back(tag, bytes);
}

void Accounts::release(memory::Reservation& reservation) noexcept {
  const std::lock_guard lock(gate_);
  reservation.release();
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
