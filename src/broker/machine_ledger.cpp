#include "broker/machine_ledger.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {
namespace {

// Who asks at the same moment as another gives way, or waits until the other has; a process that is stopped just then
// counts as if it had been granted what it asks for.
constexpr auto kLongestContest = std::chrono::milliseconds(50);
constexpr int kShortestPause = 20;  // microseconds
constexpr int kLongestPause = 200;

std::atomic<Announced> announced = nullptr;

std::vector<std::optional<Bytes>> free_of(std::span<const Want> wants, std::size_t accounts) {
  std::vector<std::optional<Bytes>> out(accounts);
  for (const Want& want : wants) {
    if (want.account < accounts) out[want.account] = want.free;
  }
  return out;
}

}  // namespace

Announced exchange_announced(Announced next) noexcept { return announced.exchange(next); }

MachineLedger::MachineLedger(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MachineLedger::~MachineLedger() = default;

std::unique_ptr<MachineLedger> MachineLedger::open(OpenOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  {
    const MutexLock lock(impl->mutex);
    impl->join();
  }
  return std::unique_ptr<MachineLedger>(new MachineLedger(std::move(impl)));
}

bool MachineLedger::is_on() const noexcept {
  if (impl_->is_in_child()) return false;
  const MutexLock lock(impl_->mutex);
  return impl_->stands();
}

std::string MachineLedger::why_off() const {
  if (impl_->is_in_child()) return "a forked child does not stand in the ledger";
  const MutexLock lock(impl_->mutex);
  return impl_->why_off;
}

std::string MachineLedger::path() const {
  if (impl_->is_in_child()) return "";
  const MutexLock lock(impl_->mutex);
  return impl_->stands() ? impl_->file->path() : "";
}

Moment MachineLedger::moment() const {
  Moment out;
  if (impl_->is_in_child()) return out;
  const MutexLock lock(impl_->mutex);
  if (!impl_->stands()) return out;
  impl_->look_at_others();
  auto placed = std::make_shared<std::vector<Moment::Placed>>();
  const auto note = [&](const Numbers& numbers) {
    for (std::size_t i = 0; i < std::min<std::size_t>(numbers.count, kAccounts); ++i) {
      const Number& one = numbers.accounts[i];
      placed->push_back(
          {.incarnation = numbers.incarnation, .index = i, .before = {.placed = one.placed, .given = one.given}});
    }
  };
  note(impl_->numbers);
  for (const auto& [slot, other] : impl_->others) note(other.numbers);
  out.placed_ = std::move(placed);
  return out;
}

Others MachineLedger::others(AccountId account, const Moment& before) const {
  if (impl_->is_in_child()) return {};
  const MutexLock lock(impl_->mutex);
  if (!impl_->stands() || impl_->number(account) == nullptr) return {};
  impl_->look_at_others();
  (void)impl_->notice_deaths({});
  const Sums sums = sums_of(impl_->standings(account, before));
  return {.promised = Bytes{promised_to_others(sums)},
          .reserved = Bytes{reserved_by_others(sums)},
          .taken = Bytes{sums.taken_by_others},
          .coming_back = Bytes{sums.coming_back}};
}

// Announced first, looked at then: of two that are granted, the one that was announced later has seen the other. What
// is only announced may be withdrawn again, so where that alone is in the way it is waited for: by the process with the
// lowest slot as it stands, by the others with their own withdrawn.
std::expected<void, Short> MachineLedger::reserve(const Moment& before, std::span<const Want> wants) {
  if (impl_->is_in_child()) return {};
  const MutexLock lock(impl_->mutex);
  if (impl_->has_place()) impl_->find_place();
  if (!impl_->stands()) {
    impl_->grant(wants);
    return {};
  }
  impl_->announce(wants);
  if (const Announced told = announced.load(); told != nullptr) told();
  try {
    return impl_->contest(before, wants);
  } catch (...) {  // no memory: it would stand in the way of others until this process asks again
    impl_->withdraw(wants);
    throw;
  }
}

void MachineLedger::reserve_anyway(AccountId account, Bytes more) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (Number* const number = impl_->number(account)) {
    number->reserved += more.value();
    impl_->write_numbers();
  }
}

void MachineLedger::release(AccountId account, Bytes bytes) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (Number* const number = impl_->number(account)) {
    number->reserved -= std::min(number->reserved, bytes.value());
    impl_->write_numbers();
  }
}

void MachineLedger::placed(AccountId account, Bytes bytes) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (Number* const number = impl_->number(account)) {
    number->placed += bytes.value();
    impl_->write_numbers();
  }
}

void MachineLedger::leaving(AccountId account, Bytes bytes) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (Number* const number = impl_->number(account)) {
    number->given += std::min(taken(*number), bytes.value());
    impl_->write_numbers();
  }
}

void MachineLedger::mend() noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (!impl_->has_place()) return;
  try {
    impl_->find_place();
    if (!impl_->stands()) return;
    const auto identity = impl_->file->read<Identity>(impl_->slot);
    const auto numbers = impl_->file->read<Numbers>(impl_->slot);
    const bool is_whole = identity && numbers && identity->checksum == impl_->identity.checksum &&
                          numbers->checksum == impl_->numbers.checksum;
    if (!is_whole) impl_->publish();
    impl_->look_at_others();
    (void)impl_->notice_deaths({});
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory; the next call tries again
  }
}

void MachineLedger::leave() noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (impl_->stands()) impl_->leave();
}

// --- what this process has ---

std::expected<void, Short> MachineLedger::Impl::contest(const Moment& before, std::span<const Want> wants) {
  const auto until = std::chrono::steady_clock::now() + kLongestContest;
  bool has_noticed_deaths = false;
  for (;;) {
    look_at_others();
    const auto [worst, first_asker] = judge_all(before, wants);
    if (worst.verdict == Verdict::fits) {
      grant(wants);
      write_numbers();
      return {};
    }
    if (!std::exchange(has_noticed_deaths, true) && notice_deaths(free_of(wants, keys.size()))) continue;
    if (worst.verdict == Verdict::short_of || std::chrono::steady_clock::now() > until) {
      withdraw(wants);
      return std::unexpected(worst.why);
    }
    const bool gives_way = first_asker && *first_asker < slot;
    if (gives_way) withdraw(wants);
    std::this_thread::sleep_for(
        std::chrono::microseconds(std::uniform_int_distribution<int>(kShortestPause, kLongestPause)(random)));
    if (gives_way) announce(wants);
  }
}

std::pair<Judgement, std::optional<std::size_t>> MachineLedger::Impl::judge_all(const Moment& before,
                                                                                std::span<const Want> wants) const {
  Judgement worst;
  std::optional<std::size_t> first_asker;
  for (const Want& want : wants) {
    if (want.account >= keys.size()) continue;
    const Sums sums = sums_of(standings(want.account, before));
    const Judgement judgement = judge(want, sums);
    if (judgement.verdict == Verdict::fits) continue;
    if (sums.first_asker) first_asker = std::min(*sums.first_asker, first_asker.value_or(*sums.first_asker));
    if (judgement.verdict > worst.verdict) worst = judgement;
  }
  return {worst, first_asker};
}

Number* MachineLedger::Impl::number(AccountId account) noexcept {
  return account < keys.size() ? &numbers.accounts[account] : nullptr;
}

void MachineLedger::Impl::write_numbers() noexcept {
  if (has_place()) (void)file->write(slot, numbers);  // which looks itself whether the file is open still
}

void MachineLedger::Impl::announce(std::span<const Want> wants) noexcept {
  for (const Want& want : wants) {
    if (Number* const one = number(want.account)) one->asking += want.more.value();
  }
  write_numbers();
  // What is written before is seen by whoever looks after this, on every processor.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void MachineLedger::Impl::withdraw(std::span<const Want> wants) noexcept {
  for (const Want& want : wants) {
    if (Number* const one = number(want.account)) one->asking = 0;
  }
  write_numbers();
}

void MachineLedger::Impl::grant(std::span<const Want> wants) noexcept {
  for (const Want& want : wants) {
    if (Number* const one = number(want.account)) {
      one->reserved += want.more.value();
      one->asking = 0;
      one->expecting -= std::min(one->expecting, want.more.value());
    }
  }
}

}  // namespace plimsoll::broker
