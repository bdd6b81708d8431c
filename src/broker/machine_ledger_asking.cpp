// Who is short asks others to let a model go; who is asked answers, and what becomes of the model is shown.
#include <algorithm>
#include <exception>

#include "machine_ledger_impl.hpp"

namespace plimsoll::broker {
namespace {

static_assert(MachineLedger::kMostAsks == kAsks);
static_assert(ShownModel::kLongestName + 1 == std::tuple_size_v<decltype(AskRecord::model)>);

// Makes room at the end of records of fixed number: the oldest goes.
template <class Records>
auto& next_place(Records& records, std::uint64_t& count) noexcept {
  if (count >= records.size()) {
    std::shift_left(records.begin(), records.end(), 1);
    count = records.size() - 1;
  }
  return records[count++];
}

template <class Records>
auto in_use(const Records& records, std::uint64_t count) noexcept {
  return std::span(records).first(std::min<std::size_t>(count, records.size()));
}

}  // namespace

std::vector<Offer> MachineLedger::offers() const {
  std::vector<Offer> out;
  if (impl_->is_in_child()) return out;
  const MutexLock lock(impl_->mutex);
  if (!impl_->stands()) return out;
  impl_->look_at_others();
  (void)impl_->notice_deaths({});
  for (const auto& [slot, other] : impl_->others) {
    if (other.numbers.died_ms != 0 || !other.is_known) continue;
    const auto models = impl_->file->read<Models>(slot);
    const auto identity = impl_->file->read<Identity>(slot);
    if (!models || !identity || models->incarnation != other.numbers.incarnation ||
        identity->incarnation != other.numbers.incarnation)
      continue;
    for (const ModelRecord& record : std::span(models->models).first(std::min<std::size_t>(models->count, kModels))) {
      ShownModel model = shown(record);
      if (!model.can_go) continue;
      std::erase_if(model.parts, [&](ShownPart& part) {
        part.account = part.account < kAccounts ? other.ours[part.account] : kNoAccount;
        return part.account == kNoAccount;
      });
      if (model.parts.empty()) continue;
      out.push_back({.process = other.numbers.incarnation,
                     .pid = static_cast<pid_t>(identity->pid),
                     .program = text_of(identity->program),
                     .model = std::move(model)});
    }
  }
  return out;
}

void MachineLedger::expect(std::span<const Want> wants, std::chrono::milliseconds how_long) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  const std::uint64_t now = static_cast<std::uint64_t>(boot_time().count());
  Numbers& numbers = impl_->numbers;
  if (numbers.expecting_since_ms == 0 || now >= numbers.expecting_until_ms) numbers.expecting_since_ms = now;
  numbers.expecting_until_ms = now + static_cast<std::uint64_t>(how_long.count());
  for (Number& one : numbers.accounts) one.expecting = 0;
  for (const Want& want : wants) {
    if (Number* const one = impl_->number(want.account)) one->expecting += want.more.value();
  }
  impl_->write_numbers();
}

void MachineLedger::expect_nothing() noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  if (impl_->numbers.expecting_since_ms == 0) return;
  impl_->numbers.expecting_since_ms = impl_->numbers.expecting_until_ms = 0;
  for (Number& one : impl_->numbers.accounts) one.expecting = 0;
  impl_->write_numbers();
}

std::uint64_t MachineLedger::ask(const Offer& offer, bool even_at_work) noexcept {
  if (impl_->is_in_child()) return 0;
  const MutexLock lock(impl_->mutex);
  AskRecord& record = next_place(impl_->asks.asks, impl_->asks.count);
  record.id = impl_->identity.incarnation + ++impl_->asked_so_far;
  record.of = offer.process;
  record.even_at_work = even_at_work ? 1 : 0;
  put(record.model, offer.model.name);
  if (impl_->stands()) (void)impl_->file->write(impl_->slot, impl_->asks);
  return record.id;
}

void MachineLedger::forget(std::uint64_t ask) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  auto& asks = impl_->asks;
  const auto end = asks.asks.begin() + static_cast<std::ptrdiff_t>(asks.count);
  const auto kept = std::remove_if(asks.asks.begin(), end, [&](const AskRecord& one) { return one.id == ask; });
  if (kept == end) return;
  asks.count = static_cast<std::uint64_t>(kept - asks.asks.begin());
  if (impl_->stands()) (void)impl_->file->write(impl_->slot, asks);
}

Answer MachineLedger::answer_to(std::uint64_t ask) const {
  if (impl_->is_in_child()) return Answer::nobody;
  const MutexLock lock(impl_->mutex);
  if (!impl_->stands()) return Answer::nobody;
  const auto asks = in_use(impl_->asks.asks, impl_->asks.count);
  const auto asked = std::ranges::find(asks, ask, &AskRecord::id);
  if (asked == asks.end()) return Answer::nobody;
  impl_->look_at_others();
  (void)impl_->notice_deaths({});
  for (const auto& [slot, other] : impl_->others) {
    if (other.numbers.incarnation != asked->of) continue;
    const auto answers = impl_->file->read<Answers>(slot);
    if (!answers || answers->incarnation != asked->of) return Answer::none;
    for (const AnswerRecord& one : in_use(answers->answers, answers->count)) {
      if (one.id == ask) return one.goes != 0 ? Answer::goes : Answer::stays;
    }
    return Answer::none;
  }
  return Answer::nobody;
}

std::vector<MachineLedger::Impl::Heard> MachineLedger::Impl::heard() {
  std::vector<Heard> out;
  look_at_others();
  for (const auto& [place, other] : others) {
    const auto theirs = file->read<Asks>(place);
    if (!theirs || theirs->incarnation != other.numbers.incarnation || theirs->count == 0 || is_dead(other)) continue;
    for (const AskRecord& one : in_use(theirs->asks, theirs->count)) {
      if (one.of == identity.incarnation) out.push_back({.slot = place, .ask = one});
    }
  }
  return out;
}

bool MachineLedger::Impl::is_answered(std::uint64_t ask) const {
  return std::ranges::contains(in_use(answers.answers, answers.count), ask, &AnswerRecord::id);
}

// No more than there are places for answers: what is asked would be heard again once its answer is pushed out.
std::vector<Asked> MachineLedger::asked() const {
  std::vector<Asked> out;
  if (impl_->is_in_child()) return out;
  const MutexLock lock(impl_->mutex);
  if (!impl_->stands()) return out;
  const std::vector<Impl::Heard> heard = impl_->heard();
  const auto has_answer = [&](const Impl::Heard& one) {
    impl_->mutex.assert_held();
    return impl_->is_answered(one.ask.id);
  };
  const auto answered = static_cast<std::size_t>(std::ranges::count_if(heard, has_answer));
  for (const Impl::Heard& one : heard) {
    if (out.size() + answered >= kMostAsks) break;
    if (has_answer(one)) continue;
    const auto identity = impl_->file->read<Identity>(one.slot);
    out.push_back({.id = one.ask.id,
                   .model = text_of(one.ask.model),
                   .even_at_work = one.ask.even_at_work != 0,
                   .program = identity ? text_of(identity->program) : "",
                   .pid = identity ? static_cast<pid_t>(identity->pid) : 0});
  }
  return out;
}

// Answers to asks that do not stand any more make place.
void MachineLedger::Impl::drop_old_answers() {
  const std::vector<Heard> stand = heard();
  const auto end = answers.answers.begin() + static_cast<std::ptrdiff_t>(answers.count);
  const auto kept = std::remove_if(answers.answers.begin(), end, [&](const AnswerRecord& one) {
    return std::ranges::none_of(stand, [&](const Heard& other) { return other.ask.id == one.id; });
  });
  answers.count = static_cast<std::uint64_t>(kept - answers.answers.begin());
}

void MachineLedger::answer(std::uint64_t ask, bool goes) noexcept {
  if (impl_->is_in_child()) return;
  const MutexLock lock(impl_->mutex);
  const bool stands = impl_->stands();
  try {
    if (stands && impl_->answers.count >= kAsks) impl_->drop_old_answers();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory; the oldest makes place
  }
  next_place(impl_->answers.answers, impl_->answers.count) = {.id = ask, .goes = goes ? 1U : 0U};
  if (stands) (void)impl_->file->write(impl_->slot, impl_->answers);
}

}  // namespace plimsoll::broker
