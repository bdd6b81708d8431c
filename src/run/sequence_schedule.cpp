#include "sequence_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/sequence_state.hpp>

namespace plimsoll::run {

using engine::DecodeStatus;
using engine::Position;

SequenceSchedule::SequenceSchedule(Instance& instance) : instance_(instance), claim_(instance) {
  const engine::ContextFacts& facts = instance.context().facts();
  if (!facts.has_memory)
    throw Error(ErrorCode::unsupported, fmt::format("'{}' only encodes; it cannot generate text", instance.name()));
  if (instance.model()->facts().has_encoder && facts.n_seq_max > 1) {
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' encodes its prompt first, and the engine keeps one encoded prompt, not {}",
                            instance.name(), facts.n_seq_max));
  }
  instance.context().clear();
  for (auto id = static_cast<engine::SequenceId>(facts.n_seq_max); id > 0; --id) free_.push_back(id - 1);
}

SequenceSchedule::~SequenceSchedule() { instance_.context().clear(); }

std::shared_ptr<Sequence> SequenceSchedule::create() {
  if (free_.empty()) {
    throw Error(ErrorCode::busy, fmt::format("all {} sequences of '{}' are taken", sequences_.size(), instance_.name()),
                {{"sequences", sequences_.size()}});
  }
  auto sequence = std::make_shared<Sequence>(free_.back());
  sequences_.push_back(sequence);
  free_.pop_back();
  return sequence;
}

void SequenceSchedule::release(const std::shared_ptr<Sequence>& sequence) noexcept {
  (void)instance_.context().remove(sequence->id, -1, -1);  // a whole one can always be removed
  std::erase(sequences_, sequence);
  const auto place = std::ranges::lower_bound(free_, sequence->id, std::ranges::greater{});
  free_.insert(place, sequence->id);  // reserved since the constructor: it held every id
}

void SequenceSchedule::require_room(const Sequence& sequence, std::size_t count) const {
  const std::size_t room = instance_.context().facts().n_ctx_seq;
  const std::size_t needed = static_cast<std::size_t>(sequence.next_position()) + count;
  if (needed <= room) return;
  throw Error(
      ErrorCode::context_overflow,
      fmt::format("{} tokens more make {}, and a sequence of '{}' holds {}", count, needed, instance_.name(), room),
      {{"needed", needed}, {"available", room}});
}

// The encoder sees the whole prompt at once; what the decoder begins with is the model's.
void SequenceSchedule::encode_prompt(Sequence& sequence, std::span<const engine::Token> tokens) {
  engine::Batch batch;
  batch.add_prompt(tokens, 0, sequence.id, false);
  if (const DecodeStatus status = instance_.encode(batch); status != DecodeStatus::ok)
    throw Error(ErrorCode::engine_failed, fmt::format("encoding the prompt failed: {}", engine::to_string(status)));
}

void SequenceSchedule::append(Sequence& sequence, std::span<const engine::Token> tokens, bool all_logits) {
  if (tokens.empty()) throw Error(ErrorCode::usage, "there are no tokens in this prompt");
  const engine::ModelFacts& model = instance_.model()->facts();
  for (const engine::Token token : tokens) {
    if (token < 0 || token >= model.n_vocab)
      throw Error(ErrorCode::usage, fmt::format("{} is no token of this model, which has {}", token, model.n_vocab));
  }
  if (!sequence.vectors.empty()) throw Error(ErrorCode::usage, "vectors wait here; tokens can follow once they are in");
  const engine::Token start = model.has_encoder ? instance_.model()->decoder_start() : 0;
  const bool encoded = model.has_encoder && sequence.tokens.empty();
  require_room(sequence, encoded ? 1 : tokens.size());
  if (encoded) {
    encode_prompt(sequence, tokens);
    tokens = std::span(&start, 1);
  }
  forget_logits(sequence);
  sequence.all_logits = all_logits;
  for (const engine::Token token : tokens) {
    sequence.positions.push_back(sequence.next_position());
    sequence.tokens.push_back(token);
  }
}

void SequenceSchedule::append_vectors(Sequence& sequence, std::span<const float> vectors) {
  const auto width = static_cast<std::size_t>(instance_.model()->facts().n_embd_inp);
  if (vectors.empty() || vectors.size() % width != 0)
    throw Error(ErrorCode::usage, fmt::format("{} numbers are not vectors of {}", vectors.size(), width));
  if (sequence.waiting() > 0) throw Error(ErrorCode::usage, "tokens wait here; vectors can follow once they are in");
  const std::size_t count = vectors.size() / width;
  require_room(sequence, count);
  forget_logits(sequence);
  if (!sequence.first_vector) sequence.first_vector = sequence.tokens.size();
  sequence.vectors.assign(vectors.begin(), vectors.end());
  for (std::size_t i = 0; i < count; ++i) {
    sequence.positions.push_back(sequence.next_position());
    sequence.tokens.push_back(LLAMA_TOKEN_NULL);
  }
}

void SequenceSchedule::forget_logits(Sequence& sequence) noexcept {
  sequence.batch_rows.clear();
  sequence.logits.clear();
  sequence.all_logits = false;
}

void SequenceSchedule::own_logits(Sequence& sequence) {
  if (sequence.batch_rows.empty()) return;
  sequence.logits.clear();
  for (const std::int32_t row : sequence.batch_rows) {
    const std::span<const float> logits = instance_.context().logits(row);
    sequence.logits.insert(sequence.logits.end(), logits.begin(), logits.end());
  }
  sequence.batch_rows.clear();
}

// Sliding-window layers drop what lies behind their window. After a rewind they must still hold the whole window of the
// next token.
bool SequenceSchedule::window_reaches(const Sequence& sequence, std::size_t size) const {
  const std::int32_t window = instance_.model()->facts().n_swa;
  if (window <= 0 || size == 0) return true;
  const Position next = sequence.positions[size - 1] + 1;
  return instance_.context().first_position(sequence.id) <= std::max(0, next - window);
}

// False: the memory cannot be cut there and still be what decoding these tokens alone would have made.
bool SequenceSchedule::cut_memory(Sequence& sequence, std::size_t size) {
  if (!window_reaches(sequence, size)) return false;
  if (!instance_.context().remove(sequence.id, sequence.positions[size], -1)) return false;
  sequence.decoded = size;
  return true;
}

void SequenceSchedule::decode_again(Sequence& sequence) {
  if (sequence.has_vectors() && sequence.decoded > 0) {
    throw Error(ErrorCode::unsupported,
                "this needs the conversation to be decoded again, and vectors that stood for tokens are not kept");
  }
  (void)instance_.context().remove(sequence.id, -1, -1);
  sequence.decoded = 0;
  forget_logits(sequence);
}

void SequenceSchedule::truncate(Sequence& sequence, std::size_t size) {
  if (size >= sequence.tokens.size()) return;
  if (size < sequence.decoded && !cut_memory(sequence, size)) {
    if (sequence.first_vector && *sequence.first_vector >= size) sequence.first_vector.reset();
    decode_again(sequence);
  }
  sequence.tokens.resize(size);
  sequence.positions.resize(size);
  if (sequence.first_vector && *sequence.first_vector >= size) sequence.first_vector.reset();
  if (!sequence.vectors.empty()) {
    const auto width = static_cast<std::size_t>(instance_.model()->facts().n_embd_inp);
    sequence.vectors.resize(sequence.waiting() * width);
  }
  forget_logits(sequence);
}

std::shared_ptr<Sequence> SequenceSchedule::fork(Sequence& sequence) {
  own_logits(sequence);
  auto copy = create();
  if (sequence.decoded > 0) instance_.context().copy(sequence.id, copy->id);
  const engine::SequenceId id = copy->id;
  *copy = sequence;
  copy->id = id;
  return copy;
}

// Any decode will do: of what waits anyway, of a token on a sequence that nobody has, or of a last token once more.
void SequenceSchedule::settle_memory() {
  if (instance_.context().memory_is_settled()) return;
  const auto in_memory = [](const auto& sequence) { return sequence->decoded > 0; };
  if (std::ranges::none_of(sequences_, in_memory)) return instance_.context().clear();
  std::shared_ptr<Sequence> spare;
  if (waiting().empty()) {
    if (!free_.empty()) {
      spare = create();
      append(*spare, std::vector<engine::Token>{0}, false);
    } else {
      const auto redone = std::ranges::find_if(
          sequences_, [](const auto& sequence) { return !sequence->has_vectors() && sequence->decoded > 0; });
      if (redone == sequences_.end()) throw Error(ErrorCode::usage, "infer first: the memory is still to be moved");
      const engine::Token last = (*redone)->tokens.back();
      truncate(**redone, (*redone)->tokens.size() - 1);
      append(**redone, std::span(&last, 1), false);
    }
  }
  DecodeStatus status = DecodeStatus::ok;
  while (status == DecodeStatus::ok && !instance_.context().memory_is_settled()) status = infer({});
  if (spare) release(spare);
  if (status != DecodeStatus::ok)
    throw Error(ErrorCode::engine_failed, fmt::format("moving the memory failed: {}", engine::to_string(status)));
}

SequenceSnapshot SequenceSchedule::save(Sequence& sequence) {
  if (!sequence.vectors.empty()) throw Error(ErrorCode::usage, "vectors wait to be decoded, and they are not saved");
  settle_memory();
  engine::Context& context = instance_.context();
  return {.fingerprint = fingerprint_of(context),
          .tokens = sequence.tokens,
          .positions = sequence.positions,
          .decoded = sequence.decoded,
          .memory = engine::SequenceState::save(context, sequence.id).bytes()};
}

std::shared_ptr<Sequence> SequenceSchedule::restore(const SequenceSnapshot& snapshot) {
  engine::Context& context = instance_.context();
  if (snapshot.fingerprint != fingerprint_of(context))
    throw Error(ErrorCode::usage, fmt::format("this state is of another model, cache or engine than '{}' ({}, not {})",
                                              instance_.name(), snapshot.fingerprint, fingerprint_of(context)));
  const bool whole = snapshot.tokens.size() == snapshot.positions.size() && snapshot.decoded <= snapshot.tokens.size();
  if (!whole) throw Error(ErrorCode::usage, "this state contradicts itself");
  const std::size_t needed = snapshot.positions.empty() ? 0 : static_cast<std::size_t>(snapshot.positions.back()) + 1;
  if (needed > context.facts().n_ctx_seq) {
    throw Error(ErrorCode::context_overflow,
                fmt::format("this state is of {} tokens, and a sequence of '{}' holds {}", needed, instance_.name(),
                            context.facts().n_ctx_seq),
                {{"needed", needed}, {"available", context.facts().n_ctx_seq}});
  }
  settle_memory();
  auto sequence = create();
  try {
    if (snapshot.decoded > 0) engine::SequenceState(snapshot.memory).restore(context, sequence->id);
    if (snapshot.decoded > 0 && context.last_position(sequence->id) != snapshot.positions[snapshot.decoded - 1])
      throw Error(ErrorCode::engine_failed, "the engine restored another length than was saved");
  } catch (...) {
    release(sequence);
    throw;
  }
  sequence->tokens = snapshot.tokens;
  sequence->positions = snapshot.positions;
  sequence->decoded = snapshot.decoded;
  const auto vector = std::ranges::find(snapshot.tokens, LLAMA_TOKEN_NULL);
  if (vector != snapshot.tokens.end())
    sequence->first_vector = static_cast<std::size_t>(vector - snapshot.tokens.begin());
  return sequence;
}

std::vector<Sequence*> SequenceSchedule::waiting() const {
  std::vector<Sequence*> found;
  for (const auto& sequence : sequences_) {
    if (sequence->waiting() > 0) found.push_back(sequence.get());
  }
  return found;
}

// Who waits with few goes first and whole; the long prompts share what is left. Tokens and vectors cannot share a
// batch: the oldest conversation decides which it is. Rows of logits are limited by what was planned; who wants all of
// them comes before everyone, so that what others leave is not always too little.
std::vector<SequenceSchedule::Share> SequenceSchedule::shares(std::size_t most) const {
  std::vector<Sequence*> queue = waiting();
  if (queue.empty()) return {};
  const bool vectors = !queue.front()->vectors.empty();
  std::erase_if(queue, [&](const Sequence* sequence) { return sequence->vectors.empty() == vectors; });
  std::ranges::stable_sort(
      queue, {}, [](const Sequence* sequence) { return std::pair(!sequence->all_logits, sequence->waiting()); });

  std::size_t rows = instance_.plan().survey.outputs;
  std::vector<Share> out;
  for (std::size_t i = 0; i < queue.size() && most > 0 && rows > 0; ++i) {
    Sequence* const sequence = queue[i];
    const std::size_t fair = std::max<std::size_t>(1, most / (queue.size() - i));
    std::size_t count = std::min(sequence->waiting(), fair);
    if (sequence->all_logits) {  // in one batch or not at all
      const bool fits = sequence->waiting() <= most && sequence->waiting() <= rows;
      if (!fits && !out.empty()) continue;
      count = sequence->waiting();
    }
    out.push_back({.sequence = sequence, .count = count, .first_row = 0});
    most -= std::min(most, count);
    rows -= std::min<std::size_t>(rows, sequence->all_logits ? count : 1);
  }
  return out;
}

engine::Batch SequenceSchedule::compose(std::vector<Share>& shares) const {
  engine::Batch batch;
  for (Share& share : shares) {
    share.first_row = batch.size();
    const Sequence& sequence = *share.sequence;
    for (std::size_t i = 0; i < share.count; ++i) {
      const std::size_t at = sequence.decoded + i;
      const bool output = sequence.all_logits || at + 1 == sequence.tokens.size();
      if (sequence.vectors.empty()) {
        batch.add(sequence.tokens[at], sequence.positions[at], sequence.id, output);
      } else {
        const std::size_t width = sequence.vectors.size() / sequence.waiting();
        batch.add_embedding(std::span(sequence.vectors).subspan(i * width, width), sequence.positions[at], sequence.id,
                            output);
      }
    }
  }
  return batch;
}

void SequenceSchedule::advance(const std::vector<Share>& shares) {
  for (const Share& share : shares) {
    Sequence& sequence = *share.sequence;
    if (!sequence.vectors.empty()) {
      const auto width = static_cast<std::ptrdiff_t>(sequence.vectors.size() / sequence.waiting());
      const auto used = static_cast<std::ptrdiff_t>(share.count) * width;
      sequence.vectors.erase(sequence.vectors.begin(), sequence.vectors.begin() + used);
    }
    sequence.decoded += share.count;
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
  if (sequence.all_logits || !sequence.vectors.empty()) {
    keep = sequence.decoded;  // again as a whole
  } else if (in == sequence.tokens.size()) {
    keep = in - 1;
  }
  const bool all_logits = sequence.all_logits;
  sequence.decoded = keep;
  if (keep < in && !cut_memory(sequence, keep)) decode_again_or_clear(sequence);
  sequence.all_logits = all_logits;
}

void SequenceSchedule::decode_again_or_clear(Sequence& sequence) {
  if (sequence.has_vectors()) return truncate(sequence, 0);
  decode_again(sequence);
}

DecodeStatus SequenceSchedule::infer(std::stop_token stop) {
  const engine::ContextFacts& facts = instance_.context().facts();
  // Where a stop may come, one micro-batch at a time: that is how soon it can be honoured on a device.
  std::vector<Share> now = shares(stop.stop_possible() ? facts.n_ubatch : facts.n_batch);
  if (now.empty()) return DecodeStatus::ok;
  const engine::Batch batch = compose(now);
  for (const auto& sequence : sequences_) own_logits(*sequence);
  const DecodeStatus status = instance_.decode(batch, std::move(stop));
  if (status == DecodeStatus::ok) {
    advance(now);
  } else if (status != DecodeStatus::no_kv_slot) {
    const engine::ModelFacts& model = instance_.model()->facts();
    const bool trusted = status == DecodeStatus::aborted || !(model.is_recurrent || model.is_hybrid);
    for (const Share& share : now) recover(*share.sequence, trusted);
  }
  return status;
}

}  // namespace plimsoll::run
