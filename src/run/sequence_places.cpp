// SequenceSchedule: sequences at work get numbers that follow one another.
#include "sequence_places.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "engine/sequence_state.hpp"
#include "memory/charge.hpp"

#include "sequence_schedule.hpp"

namespace plimsoll::run {
namespace {

struct Parts {
  std::size_t count = 0;
  std::size_t largest = 0;

  [[nodiscard]] bool are_better_than(const Parts& other) const noexcept {
    return std::pair(other.count, largest) > std::pair(count, other.largest);
  }
};

Parts parts_of(const std::vector<bool>& at_work) {
  Parts out;
  std::size_t length = 0;
  for (const bool is_at_work : at_work) {
    length = is_at_work ? length + 1 : 0;
    if (length == 1) ++out.count;
    out.largest = std::max(out.largest, length);
  }
  return out;
}

}  // namespace

std::optional<PlaceExchange> better_places(const std::vector<bool>& at_work) {
  Parts best = parts_of(at_work);
  std::optional<PlaceExchange> found;
  if (best.count < 2) return found;
  std::vector<bool> tried = at_work;
  for (std::size_t from = 0; from < tried.size(); ++from) {
    if (!at_work[from]) continue;
    tried[from] = false;
    for (std::size_t to = 0; to < tried.size(); ++to) {
      if (at_work[to]) continue;
      tried[to] = true;
      if (const Parts parts = parts_of(tried); parts.are_better_than(best)) {
        best = parts;
        found = {.at_work = static_cast<engine::SequenceId>(from), .other = static_cast<engine::SequenceId>(to)};
      }
      tried[to] = false;
    }
    tried[from] = true;
  }
  return found;
}

namespace {

// In steps that they are at work together: who comes in the place of one that has just gone is waited for.
constexpr std::size_t kPatience = 4;
// Of both together. It goes to the host and back, in which time nobody is decoded: about a tenth of a second.
constexpr Bytes kMostMoved{std::uint64_t{128} << 20U};
constexpr const char* kOwner = "swap";  // in the ledger: conversations on the host

// What a sequence has in memory, on its way to another number.
class Moved {
 public:
  Moved(engine::Context& context, Sequence* sequence) : context_(context), sequence_(sequence) {
    if (sequence != nullptr && sequence->decoded > 0) state_ = engine::SequenceState::save(context, sequence->id);
  }
  void leave() {
    if (sequence_ != nullptr) (void)context_.remove(sequence_->id, -1, -1);
  }
  // False: it is not in memory any more.
  [[nodiscard]] bool arrive(engine::SequenceId number) noexcept {
    if (sequence_ == nullptr) return true;
    sequence_->id = number;
    if (!state_) return true;
    try {
      state_->restore(context_, number);
      return context_.last_position(number) == sequence_->positions[sequence_->decoded - 1];
    } catch (const std::exception& error) {
      log::warn("run", "a sequence that was moved is decoded again: {}", error.what());
      return false;
    }
  }

 private:
  engine::Context& context_;
  Sequence* sequence_;
  std::optional<engine::SequenceState> state_;
};

}  // namespace

bool SequenceSchedule::computes_in_parts() const {
  const engine::ContextFacts& facts = instance_.context().facts();
  return !facts.kv_unified && facts.n_seq_max > 2 && !instance_.model()->facts().is_recurrent;
}

std::vector<bool> SequenceSchedule::places_at_work() const {
  std::vector<bool> out(instance_.context().facts().n_seq_max);
  for (const auto& sequence : sequences_)
    out[static_cast<std::size_t>(sequence->id)] = sequence->continuation != nullptr && !sequence->made_way;
  return out;
}

// What cannot be done now leaves everybody where they are.
void SequenceSchedule::gather_those_at_work() noexcept try {
  if (!computes_in_parts()) return;
  std::vector<bool> places = places_at_work();
  if (places != places_.at_work) places_ = {.at_work = std::move(places)};
  if (places_.batches > kPatience || ++places_.batches <= kPatience) return;
  // Neither can be saved; both are over soon.
  const bool any_vectors_wait = std::ranges::any_of(sequences_, [](const auto& one) { return !one->blocks.empty(); });
  if (instance_.context().has_pending_moves() || any_vectors_wait) return void(places_.batches = 0);
  const auto exchange = better_places(places_.at_work);
  if (exchange) exchange_places(exchange->at_work, exchange->other);
} catch (const std::exception& error) {
  log::debug("run", "sequences at work stay apart: {}", error.what());
}

Sequence* SequenceSchedule::sequence_of(engine::SequenceId number) const {
  const auto found =
      std::ranges::find(sequences_, number, [](const std::shared_ptr<Sequence>& sequence) { return sequence->id; });
  return found == sequences_.end() ? nullptr : found->get();
}

void SequenceSchedule::exchange_places(engine::SequenceId at_work, engine::SequenceId other) {
  engine::Context& context = instance_.context();
  Sequence* const one = sequence_of(at_work);
  Sequence* const two = sequence_of(other);
  Bytes bytes;
  for (const Sequence* sequence : {one, two}) {
    if (sequence != nullptr && sequence->decoded > 0) bytes += engine::SequenceState::size_of(context, sequence->id);
  }
  memory::Charge charge(instance_.ledger(), memory::on_the_heap(kOwner, memory::Stage::conversations));
  if (bytes > kMostMoved || !charge.resize(bytes)) return;
  for (const auto& sequence : sequences_) own_logits(*sequence);
  Moved first(context, one);
  Moved second(context, two);
  first.leave();
  second.leave();
  if (two == nullptr) std::ranges::replace(free_, other, at_work);
  std::ranges::sort(free_, std::ranges::greater{});
  const bool one_is_here = first.arrive(other);
  const bool two_is_here = second.arrive(at_work);
  if (!one_is_here) decode_again_or_clear(*one);
  if (!two_is_here) decode_again_or_clear(*two);
  note_cells();
}

}  // namespace plimsoll::run
