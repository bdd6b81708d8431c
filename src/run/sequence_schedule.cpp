#include "sequence_schedule.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "engine/sequence_state.hpp"

#include "run/decode_failure.hpp"

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

// Cells and positions are counted apart: a picture takes more of the ones than of the others where positions have
// several dimensions, and forgotten or shrunk positions leave the cells as they are.
void SequenceSchedule::require_room(const Sequence& sequence, std::size_t count, Position positions) const {
  const std::size_t room = instance_.context().facts().n_ctx_seq;
  const std::size_t needed =
      std::max(sequence.tokens.size() + count, static_cast<std::size_t>(sequence.next_position() + positions));
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
  require_decoded(instance_.encode(batch), fmt::format("encoding the prompt on '{}'", instance_.name()), instance_);
}

void require_tokens(const engine::ModelFacts& model, std::span<const engine::Token> tokens) {
  const std::int32_t n_vocab = model.n_vocab;
  for (const engine::Token token : tokens) {
    if (token < 0 || token >= n_vocab)
      throw Error(ErrorCode::usage, fmt::format("{} is no token of this model, which has {}", token, n_vocab));
  }
}

void SequenceSchedule::push_tokens(Sequence& sequence, std::span<const engine::Token> tokens) {
  for (const engine::Token token : tokens) {
    sequence.positions.push_back(sequence.next_position());
    sequence.tokens.push_back(token);
  }
}

void SequenceSchedule::push_block(Sequence& sequence, VectorBlock block, Position n_positions) {
  const Position begin = sequence.next_position();
  block.first = sequence.tokens.size();
  if (!sequence.first_vector) sequence.first_vector = block.first;
  for (std::size_t i = 0; i < block.count; ++i) {
    sequence.positions.push_back(block.positions.empty() ? begin + static_cast<Position>(i) : block.positions[i][0]);
    sequence.tokens.push_back(LLAMA_TOKEN_NULL);
  }
  if (std::cmp_not_equal(n_positions, block.count))
    sequence.spans.push_back({.first = block.first, .count = block.count, .next = begin + n_positions});
  sequence.blocks.push_back(std::move(block));
}

// Whoever appends is who will want what comes of it: see Company.
void SequenceSchedule::driven_from_here(Sequence& sequence) noexcept { sequence.driver = std::this_thread::get_id(); }

void SequenceSchedule::append(Sequence& sequence, std::span<const engine::Token> tokens, bool all_logits) {
  if (tokens.empty()) throw Error(ErrorCode::usage, "there are no tokens in this prompt");
  const engine::ModelFacts& model = instance_.model()->facts();
  require_tokens(model, tokens);
  const engine::Token start = model.has_encoder ? instance_.model()->decoder_start() : 0;
  const bool encoded = model.has_encoder && sequence.tokens.empty();
  const std::size_t count = encoded ? 1 : tokens.size();
  require_room(sequence, count, static_cast<Position>(count));
  if (encoded) {
    encode_prompt(sequence, tokens);
    tokens = std::span(&start, 1);
  }
  forget_logits(sequence);
  sequence.all_logits = all_logits;
  push_tokens(sequence, tokens);
  driven_from_here(sequence);
}

void SequenceSchedule::append_vectors(Sequence& sequence, std::span<const float> vectors) {
  const engine::ModelFacts& model = instance_.model()->facts();
  const auto width = static_cast<std::size_t>(model.n_embd_inp);
  if (vectors.empty() || vectors.size() % width != 0)
    throw Error(ErrorCode::usage, fmt::format("{} numbers are not vectors of {}", vectors.size(), width));
  VectorBlock block{.count = vectors.size() / width, .numbers = {vectors.begin(), vectors.end()}, .positions = {}};
  const auto count = static_cast<Position>(block.count);
  require_room(sequence, block.count, count);
  if (model.has_2d_positions) {  // one after the other in each dimension, as text stands
    const Position begin = sequence.next_position();
    for (Position at = begin; at < begin + count; ++at) block.positions.push_back({at, at, at, 0});
  }
  forget_logits(sequence);
  push_block(sequence, std::move(block), count);
  driven_from_here(sequence);
}

void SequenceSchedule::append_chunks(Sequence& sequence, std::span<const engine::PromptChunk> chunks) {
  if (chunks.empty()) throw Error(ErrorCode::usage, "there is nothing in this prompt");
  const engine::ModelFacts& model = instance_.model()->facts();
  if (model.has_encoder) throw Error(ErrorCode::unsupported, "a model that encodes its prompt takes no media");
  std::size_t count = 0;
  Position positions = 0;
  for (const engine::PromptChunk& chunk : chunks) {
    require_tokens(model, chunk.tokens());
    if (chunk.sees_all_at_once() && chunk.n_tokens() > instance_.context().facts().n_ubatch) {
      throw Error(
          ErrorCode::usage,
          fmt::format("this medium is {} vectors that must be decoded at once, and a micro-batch of '{}' has {}",
                      chunk.n_tokens(), instance_.name(), instance_.context().facts().n_ubatch),
          {{"needed", chunk.n_tokens()}, {"available", instance_.context().facts().n_ubatch}});
    }
    count += chunk.n_tokens();
    positions += chunk.n_positions();
  }
  require_room(sequence, count, positions);
  std::vector<VectorBlock> blocks;
  Position next = sequence.next_position();
  for (const engine::PromptChunk& chunk : chunks) {
    VectorBlock block{.count = chunk.n_tokens(), .at_once = chunk.sees_all_at_once(), .numbers = {}, .positions = {}};
    if (chunk.kind() != engine::ChunkKind::text) {
      block.numbers = instance_.project(chunk);
      if (model.has_2d_positions) block.positions = instance_.projector().positions(chunk, next);
    }
    next += chunk.n_positions();
    blocks.push_back(std::move(block));
  }
  forget_logits(sequence);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].kind() == engine::ChunkKind::text)
      push_tokens(sequence, chunks[i].tokens());
    else
      push_block(sequence, std::move(blocks[i]), chunks[i].n_positions());
  }
  driven_from_here(sequence);
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
  if (sequence.has_lost_vectors()) {
    throw Error(ErrorCode::unsupported,
                "this needs the conversation to be decoded again, and vectors that stood for tokens are not kept");
  }
  (void)instance_.context().remove(sequence.id, -1, -1);
  sequence.decoded = 0;
  forget_logits(sequence);
}

void SequenceSchedule::truncate(Sequence& sequence, std::size_t size) {
  sequence.expected = false;  // whoever goes back is not on its way to the next token
  if (size >= sequence.tokens.size()) return;
  if (size < sequence.decoded && !cut_memory(sequence, size)) {
    if (sequence.first_vector && *sequence.first_vector >= size) sequence.first_vector.reset();
    decode_again(sequence);
  }
  sequence.tokens.resize(size);
  sequence.positions.resize(size);
  if (sequence.first_vector && *sequence.first_vector >= size) sequence.first_vector.reset();
  std::erase_if(sequence.spans, [&](const PositionSpan& span) { return span.end() > size; });
  std::erase_if(sequence.blocks, [&](const VectorBlock& block) { return block.first >= size; });
  if (!sequence.blocks.empty() && sequence.blocks.back().end() > size) {
    VectorBlock& cut = sequence.blocks.back();
    const std::size_t width = cut.numbers.size() / cut.count;
    cut.count = size - cut.first;
    cut.numbers.resize(cut.count * width);
    if (!cut.positions.empty()) cut.positions.resize(cut.count);
  }
  forget_logits(sequence);
}

std::shared_ptr<Sequence> SequenceSchedule::fork(Sequence& sequence) {
  own_logits(sequence);
  auto copy = create();
  try {
    if (sequence.decoded > 0) instance_.context().copy(sequence.id, copy->id);
    const engine::SequenceId id = copy->id;
    *copy = sequence;
    copy->id = id;
  } catch (...) {
    release(copy);
    throw;
  }
  return copy;
}

std::vector<Sequence*> SequenceSchedule::waiting() const {
  std::vector<Sequence*> found;
  for (const auto& sequence : sequences_) {
    if (sequence->waiting() > 0) found.push_back(sequence.get());
  }
  return found;
}

// Who waits with few goes first and whole; the long prompts share what is left. Tokens and vectors cannot share a
// batch, nor can vectors that see each other share one with anything: the oldest conversation decides which it is. Rows
// of logits are limited by what was planned; who wants all of them comes before everyone, so that what others leave is
// not always too little.
std::vector<SequenceSchedule::Share> SequenceSchedule::shares(std::size_t most) const {
  std::vector<Sequence*> queue = waiting();
  if (queue.empty()) return {};
  const VectorBlock* first = queue.front()->block_due();
  if (first != nullptr && first->at_once)
    return {{.sequence = queue.front(), .count = queue.front()->due(), .first_row = 0}};
  std::erase_if(queue, [&](const Sequence* sequence) {
    const VectorBlock* block = sequence->block_due();
    return (block != nullptr) != (first != nullptr) || (block != nullptr && block->at_once);
  });
  std::ranges::stable_sort(
      queue, {}, [](const Sequence* sequence) { return std::pair(!sequence->all_logits, sequence->waiting()); });

  std::size_t rows = instance_.plan().dry_run.outputs;
  std::vector<Share> out;
  for (std::size_t i = 0; i < queue.size() && most > 0 && rows > 0; ++i) {
    Sequence* const sequence = queue[i];
    const std::size_t fair = std::max<std::size_t>(1, most / (queue.size() - i));
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

DecodeStatus SequenceSchedule::infer(std::stop_token stop) {
  const engine::ContextFacts& facts = instance_.context().facts();
  // Where a stop may come, one micro-batch at a time: that is how soon it can be honoured on a device.
  std::vector<Share> now = shares(stop.stop_possible() ? facts.n_ubatch : facts.n_batch);
  if (now.empty()) return DecodeStatus::ok;
  const engine::Batch batch = compose(now);
  for (const auto& sequence : sequences_) own_logits(*sequence);
  const auto begin = std::chrono::steady_clock::now();
  const DecodeStatus status = instance_.decode(batch, std::move(stop));
  if (status == DecodeStatus::ok) {
    advance(now);
    std::vector<Sequence*> together;
    for (const Share& share : now) together.push_back(share.sequence);
    company_.left(together, std::chrono::steady_clock::now() - begin);
  } else if (status != DecodeStatus::no_kv_slot) {
    const engine::ModelFacts& model = instance_.model()->facts();
    const bool trusted = status == DecodeStatus::aborted || !(model.is_recurrent || model.is_hybrid);
    for (const Share& share : now) recover(*share.sequence, trusted);
  }
  return status;
}

}  // namespace plimsoll::run
