// SequenceSchedule: what goes into a batch, and what is true after it.
#include <algorithm>
#include <iterator>

#include <plimsoll/base/error.hpp>

#include "sequence_schedule.hpp"

namespace plimsoll::run {

using engine::DecodeStatus;
using engine::Position;

std::vector<Sequence*> SequenceSchedule::waiting() const {
  std::vector<Sequence*> found;
  for (const auto& sequence : sequences_) {
    if (sequence->waiting() == 0 || sequence->made_way || (alone_ && sequence->continuation == nullptr)) continue;
    found.push_back(sequence.get());
  }
  return found;
}

namespace {

// The engine reserves its graphs again where the adapters change: those who have the same ones keep their turn for so
// many batches, or for a micro-batch's tokens of prompts, where others wait.
constexpr std::size_t kBatchesOfATurn = 8;

Sequence* longest_waiting(std::span<Sequence* const> queue) {
  return *std::ranges::min_element(queue, {}, &Sequence::waits_since);  // of several, the oldest
}

}  // namespace

// Who decides what the next batch is of.
Sequence& SequenceSchedule::next_in_turn(const std::vector<Sequence*>& queue) const {
  Sequence* const longest = longest_waiting(queue);
  const bool is_over = turn_.batches >= kBatchesOfATurn || turn_.tokens >= instance_.context().facts().n_ubatch;
  if (is_over || longest->adapter_scales == turn_.adapter_scales) return *longest;
  std::vector<Sequence*> same;
  std::ranges::copy_if(queue, std::back_inserter(same),
                       [&](const Sequence* sequence) { return sequence->adapter_scales == turn_.adapter_scales; });
  return same.empty() ? *longest : *longest_waiting(same);
}

void SequenceSchedule::count_batch(const std::vector<Share>& shares, std::size_t tokens) {
  ++batches_;
  for (const Share& share : shares) share.sequence->waits_since = 2 * batches_ + 1;
  const engine::AdapterScales& scales = shares.front().sequence->adapter_scales;
  if (scales != turn_.adapter_scales) turn_ = {.adapter_scales = scales};
  ++turn_.batches;
  turn_.tokens += tokens;
}

// Who waits with few goes first and whole; the long prompts share what is left, by their weights. Tokens and vectors
// cannot share a batch, nor can those with different adapters, nor can vectors that see each other share one with
// anything: who has waited longest decides which it is. Rows of logits are limited by what was planned; who wants all
// of them comes before everyone, so that what others leave is not always too little.
std::vector<SequenceSchedule::Share> SequenceSchedule::shares(std::size_t most) const {
  std::vector<Sequence*> queue = waiting();
  if (queue.empty()) return {};
  Sequence& first = next_in_turn(queue);
  const VectorBlock* vectors = first.block_due();
  if (vectors != nullptr && vectors->at_once) return {{.sequence = &first, .count = first.due(), .first_row = 0}};
  std::erase_if(queue, [&](const Sequence* sequence) {
    const VectorBlock* block = sequence->block_due();
    return (block != nullptr) != (vectors != nullptr) || (block != nullptr && block->at_once) ||
           sequence->adapter_scales != first.adapter_scales;
  });
  std::ranges::stable_sort(
      queue, {}, [](const Sequence* sequence) { return std::pair(!sequence->all_logits, sequence->waiting()); });

  std::size_t rows = instance_.plan().dry_run.outputs;
  double weights = 0;  // of those that have no share yet
  for (const Sequence* sequence : queue) weights += sequence->weight;
  std::vector<Share> out;
  for (std::size_t i = 0; i < queue.size() && most > 0 && rows > 0; ++i) {
    Sequence* const sequence = queue[i];
    const double part = i + 1 < queue.size() ? std::min(sequence->weight / weights, 1.0) : 1.0;
    const std::size_t fair = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(most) * part));
    weights -= sequence->weight;
    std::size_t count = std::min(sequence->due(), fair);
    if (sequence->all_logits) {  // in one batch or not at all
      const bool fits = sequence->waiting() <= most && sequence->waiting() <= rows;
      if (!fits && !out.empty()) continue;
      count = sequence->waiting();
    }
    out.push_back({.sequence = sequence, .count = count, .first_row = 0});
    most -= std::min(most, count);
    rows -= std::min<std::size_t>(rows, sequence->all_logits ? count : 1);
  }
  if (takes_equal_parts()) {
    const auto of_first = std::ranges::find(out, &first, &Share::sequence);
    const std::size_t count = of_first == out.end() ? out.front().count : of_first->count;
    std::erase_if(out, [&](const Share& share) { return share.count != count; });
  }
  // The engine computes sequences with streams of their own together only as far as their numbers follow one another.
  std::ranges::sort(out, {}, [](const Share& share) { return share.sequence->id; });
  return out;
}

namespace {

void add_vector(engine::Batch& batch, const Sequence& sequence, const VectorBlock& block, std::size_t at, bool output) {
  const std::size_t width = block.numbers.size() / block.count;
  const std::size_t inside = at - block.first;
  const auto numbers = std::span(block.numbers).subspan(inside * width, width);
  if (block.positions.empty())
    batch.add_embedding(numbers, sequence.positions[at], sequence.id, output);
  else
    batch.add_embedding(numbers, block.positions[inside], sequence.id, output);
}

}  // namespace

engine::Batch SequenceSchedule::compose(std::vector<Share>& shares) const {
  engine::Batch batch;
  for (Share& share : shares) {
    share.first_row = batch.size();
    const Sequence& sequence = *share.sequence;
    const VectorBlock* block = sequence.block_due();
    if (block != nullptr) batch.set_sees_all(block->at_once);
    for (std::size_t i = 0; i < share.count; ++i) {
      const std::size_t at = sequence.decoded + i;
      const bool output = sequence.all_logits || at + 1 == sequence.tokens.size();
      if (block == nullptr)
        batch.add(sequence.tokens[at], sequence.positions[at], sequence.id, output);
      else
        add_vector(batch, sequence, *block, at, output);
    }
  }
  return batch;
}

void SequenceSchedule::advance(const std::vector<Share>& shares) {
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    sequence.decoded += share.count;
    std::erase_if(sequence.blocks, [&](const VectorBlock& block) { return block.end() <= sequence.decoded; });
    if (sequence.waiting() > 0) continue;
    const auto count = static_cast<std::int32_t>(share.count);
    for (std::int32_t i = sequence.all_logits ? 0 : count - 1; i < count; ++i)
      sequence.batch_rows.push_back(share.first_row + i);
  }
}

// Of a batch that failed, whole micro-batches may have been decoded, and their logits are lost.
void SequenceSchedule::recover(Sequence& sequence, bool trusted) {
  if (!trusted) return decode_again_or_clear(sequence);
  const Position last = instance_.context().last_position(sequence.id);
  const auto found = std::ranges::upper_bound(sequence.positions, last);
  const auto in = static_cast<std::size_t>(found - sequence.positions.begin());
  if (in <= sequence.decoded) return;
  std::size_t keep = in;
  if (const VectorBlock* block = sequence.block_due()) {  // again as a whole: inside it, positions may say nothing
    keep = block->positions.empty() && !block->at_once ? sequence.decoded : block->first;
  } else if (sequence.all_logits) {
    keep = sequence.decoded;  // again as a whole
  } else if (in == sequence.tokens.size()) {
    keep = in - 1;
  }
  const bool all_logits = sequence.all_logits;
  const bool cut = keep >= in || cut_memory(sequence, keep);
  sequence.decoded = keep;
  if (!cut) decode_again_or_clear(sequence);
  sequence.all_logits = all_logits;
}

void SequenceSchedule::decode_again_or_clear(Sequence& sequence) {
  if (sequence.has_lost_vectors()) return truncate(sequence, 0);
  decode_again(sequence);
}

void SequenceSchedule::attach(Sequence& sequence, Continuation& continuation) {
  const Lock lock(mutex_);
  if (sequence.continuation != nullptr)
    throw Error(ErrorCode::usage, "this conversation is being decoded already; it does one thing at a time");
  sequence.continuation = &continuation;
  wake();
}

void SequenceSchedule::detach(Sequence& sequence, const Continuation& continuation) noexcept {
  const Lock lock(mutex_);
  if (sequence.continuation != &continuation) return;
  sequence.continuation = nullptr;
  sequence.made_way = false;
}

std::vector<std::shared_ptr<Sequence>> SequenceSchedule::with_continuation() const {
  std::vector<std::shared_ptr<Sequence>> found;
  for (const auto& sequence : sequences_) {
    if (sequence->continuation != nullptr) found.push_back(sequence);
  }
  return found;
}

namespace {

template <class Step>
void guarded(Sequence& sequence, Step&& step) noexcept {
  if (sequence.continuation == nullptr) return;
  try {
    step(*sequence.continuation);
  } catch (...) {
    end_continuation(sequence, DecodeStatus::failed, std::current_exception());
  }
}

}  // namespace

// A batch is broken off for one sequence where it is that one's alone; else it ends first, which is soon: see
// largest_batch().
std::stop_token SequenceSchedule::stop_of_batch() const {
  const Continuation* only = nullptr;
  for (const auto& sequence : sequences_) {
    if (sequence->continuation == nullptr || sequence->waiting() == 0 || sequence->made_way) continue;
    if (only != nullptr) return {};
    only = sequence->continuation;
  }
  return only != nullptr ? only->stop() : std::stop_token{};
}

bool SequenceSchedule::decode_batch() noexcept {
  mutex_.lock_behind_others();
  const Lock lock(mutex_, std::adopt_lock);
  try {
    for (const auto& sequence : with_continuation())
      guarded(*sequence, [&](Continuation& continuation) { continuation.before_batch(*sequence); });
    let_go_on_if_others_ended();
    const auto is_due = [](const auto& sequence) {
      return sequence->continuation != nullptr && sequence->waiting() > 0 && !sequence->made_way;
    };
    if (std::ranges::none_of(sequences_, is_due)) return false;
    gather_those_at_work();
    const DecodeStatus status = infer(stop_of_batch());
    const bool was_alone = std::exchange(alone_, false);
    if (status == DecodeStatus::no_kv_slot) make_way(was_alone);
  } catch (...) {  // infer() has told the sequences of the batch; here it is before one could be made
    const auto failure = std::current_exception();
    for (const auto& sequence : sequences_) end_continuation(*sequence, DecodeStatus::failed, failure);
  }
  return true;
}

void SequenceSchedule::broke_off(const std::exception_ptr& failure) noexcept {
  const Lock lock(mutex_);
  instance_.note_broken_off();
  for (const auto& sequence : sequences_) end_continuation(*sequence, DecodeStatus::failed, failure);
}

// Where layers have a window, the engine looks for the cells of all micro-batches of a batch beforehand, forgets then
// what lies behind the windows of the last one, and does not take that back: the first ones would miss it.
bool SequenceSchedule::has_window() const { return instance_.model()->facts().n_swa > 0; }

std::size_t SequenceSchedule::largest_whole_prompt() const {
  const engine::ContextFacts& facts = instance_.context().facts();
  return has_window() ? facts.n_ubatch : facts.n_batch;
}

// The engine makes several micro-batches of what does not have equal parts where a model is hybrid.
bool SequenceSchedule::takes_equal_parts() const {
  return has_window() && instance_.model()->facts().is_hybrid && instance_.context().facts().kv_unified;
}

// One micro-batch where a stop may come, since that is how soon it can be honoured on a device; where somebody
// generates, so that the time between two tokens stays even while a long prompt arrives; and where layers have a
// window.
std::size_t SequenceSchedule::largest_batch(const std::stop_token& stop) const {
  const engine::ContextFacts& facts = instance_.context().facts();
  const bool small =
      stop.stop_possible() || has_window() || std::ranges::any_of(sequences_, [](const auto& sequence) {
        if (sequence->continuation == nullptr || sequence->waiting() == 0) return false;
        return sequence->waiting() == 1 || sequence->all_logits || sequence->continuation->stop().stop_possible();
      });
  return small ? facts.n_ubatch : facts.n_batch;
}

void SequenceSchedule::end(const std::vector<Share>& shares, DecodeStatus status,
                           const std::exception_ptr& failure) noexcept {
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    if (sequence.continuation == nullptr) continue;
    // Broken off by another one: it goes on with the next batch.
    if (status == DecodeStatus::aborted && !sequence.continuation->stop().stop_requested()) continue;
    end_continuation(sequence, status, failure);
  }
}

DecodeStatus SequenceSchedule::infer(const std::stop_token& stop) {
  std::vector<Share> now = shares(largest_batch(stop));
  if (now.empty()) return DecodeStatus::ok;
  const auto kept_alive = sequences_;  // a continuation may let another conversation go
  DecodeStatus status = DecodeStatus::failed;
  try {
    status = decode(now, stop);
  } catch (...) {
    end(now, DecodeStatus::failed, std::current_exception());
    throw;
  }
  if (status != DecodeStatus::ok) {
    if (status != DecodeStatus::no_kv_slot) end(now, status, nullptr);
    return status;
  }
  for (const Share& share : now)
    guarded(*share.sequence, [&](Continuation& continuation) { continuation.decoded(*share.sequence); });
  return status;
}

DecodeStatus SequenceSchedule::decode(std::vector<Share>& shares, const std::stop_token& stop) {
  const engine::Batch batch = compose(shares);
  for (const auto& sequence : sequences_) own_logits(*sequence);
  const DecodeStatus status = instance_.decode(batch, stop, shares.front().sequence->adapter_scales);
  if (status == DecodeStatus::ok) {
    count_batch(shares, static_cast<std::size_t>(batch.size()));
    advance(shares);
  } else if (status != DecodeStatus::no_kv_slot) {
    const engine::ModelFacts& model = instance_.model()->facts();
    const bool trusted = status == DecodeStatus::aborted || !(model.is_recurrent || model.is_hybrid);
    for (const Share& share : shares) recover(*share.sequence, trusted);
  }
  note_cells();
  return status;
}

std::span<const float> SequenceSchedule::row(const Sequence& sequence, std::size_t back) const {
  const std::vector<std::int32_t>& rows = sequence.batch_rows;
  if (back < rows.size()) return instance_.context().logits(rows[rows.size() - 1 - back]);
  const auto width = static_cast<std::size_t>(instance_.model()->facts().n_vocab);
  const std::size_t owned = sequence.logits.size() / width;
  return back < owned ? std::span(sequence.logits).subspan((owned - 1 - back) * width, width)
                      : std::span<const float>{};
}

}  // namespace plimsoll::run
