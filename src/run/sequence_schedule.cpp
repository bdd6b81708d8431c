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
  instance_.loop()->add(instance_.loop_owner(), *this);
}

SequenceSchedule::~SequenceSchedule() {
  instance_.loop()->remove(*this);
  instance_.context().clear();
}

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
  sequence->continuation = nullptr;
  (void)instance_.context().remove(sequence->id, -1, -1);  // a whole one can always be removed
  std::erase(sequences_, sequence);
  const auto place = std::ranges::lower_bound(free_, sequence->id, std::ranges::greater{});
  free_.insert(place, sequence->id);  // reserved since the constructor: it held every id
  note_cells();
}

// Copies share cells only where there is one cache for all.
void SequenceSchedule::note_cells() noexcept {
  const engine::ContextFacts& facts = instance_.context().facts();
  std::size_t sum = 0;
  std::vector<const CellRuns*> runs;
  for (const auto& sequence : sequences_) {
    sum += sequence->decoded;
    if (!facts.kv_unified) continue;
    sequence->cells.set_size(sequence->decoded, families_);
    runs.push_back(&sequence->cells);
  }
  if (facts.kv_unified) sum = CellRuns::distinct(runs);
  cells_used_ = std::min<std::size_t>(sum, facts.n_ctx);
}

// Cells and positions are counted apart: a picture takes more of the ones than of the others where positions have
// several dimensions, and forgotten or shrunk positions leave the cells as they are.
void SequenceSchedule::require_room(const Sequence& sequence, std::size_t count, Position positions) const {
  const std::size_t room = instance_.context().facts().n_ctx_seq;
  const std::size_t needed =
      std::max(sequence.tokens.size() + count,
               static_cast<std::size_t>(sequence.next_position()) + static_cast<std::size_t>(positions));
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
  require_decoded(instance_.encode(batch, sequence.adapter_scales),
                  fmt::format("encoding the prompt on '{}'", instance_.name()), instance_);
}

void require_tokens(const engine::ModelFacts& model, std::span<const engine::Token> tokens) {
  const std::int32_t n_vocab = model.n_vocab;
  for (const engine::Token token : tokens) {
    if (token < 0 || token >= n_vocab)
      throw Error(ErrorCode::usage, fmt::format("unknown token {}: this model has {}", token, n_vocab));
  }
}

void SequenceSchedule::push_tokens(Sequence& sequence, std::span<const engine::Token> tokens) {
  if (sequence.waiting() == 0) sequence.waits_since = 2 * batches_;
  for (const engine::Token token : tokens) {
    sequence.positions.push_back(sequence.next_position());
    sequence.tokens.push_back(token);
  }
}

void SequenceSchedule::push_block(Sequence& sequence, VectorBlock block, Position n_positions) {
  const Position begin = sequence.next_position();
  block.first = sequence.tokens.size();
  if (!sequence.first_vector) sequence.first_vector = block.first;
  if (sequence.waiting() == 0) sequence.waits_since = 2 * batches_;
  for (std::size_t i = 0; i < block.count; ++i) {
    sequence.positions.push_back(block.positions.empty() ? begin + static_cast<Position>(i) : block.positions[i][0]);
    sequence.tokens.push_back(LLAMA_TOKEN_NULL);
  }
  if (std::cmp_not_equal(n_positions, block.count))
    sequence.spans.push_back({.first = block.first, .count = block.count, .next = begin + n_positions});
  sequence.blocks.push_back(std::move(block));
}

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
  note_cells();
  return true;
}

void SequenceSchedule::decode_again(Sequence& sequence) {
  if (sequence.has_lost_vectors()) {
    throw Error(ErrorCode::unsupported,
                "this needs the conversation to be decoded again, and vectors that stood for tokens are not kept");
  }
  (void)instance_.context().remove(sequence.id, -1, -1);
  sequence.decoded = 0;
  note_cells();
  forget_logits(sequence);
}

void SequenceSchedule::set_adapter_scales(Sequence& sequence, std::span<const float> scales) {
  instance_.require_adapter_scales(scales);
  if (std::ranges::equal(sequence.adapter_scales, scales)) return;
  if (sequence.continuation != nullptr)
    throw Error(ErrorCode::usage, "this conversation is being decoded; it does one thing at a time");
  if (instance_.model()->facts().has_encoder && !sequence.tokens.empty())
    throw Error(ErrorCode::usage, "this conversation's prompt was encoded with other adapters, and is not kept");
  if (sequence.decoded > 0) decode_again(sequence);
  sequence.adapter_scales.assign(scales.begin(), scales.end());
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

void SequenceSchedule::copy(Sequence& from, Sequence& to) {
  own_logits(from);
  truncate(to, 0);
  if (from.decoded > 0) instance_.context().copy(from.id, to.id);
  const engine::SequenceId id = to.id;
  to = from;
  to.id = id;
  to.continuation = nullptr;
  to.made_way = false;
  from.cells.part();
  to.cells.part();
  note_cells();
}

void SequenceSchedule::forget_behind(Sequence& sequence, std::size_t size) {
  if (size >= sequence.tokens.size()) return;
  if (size >= sequence.decoded || cut_memory(sequence, size)) truncate(sequence, size);
}

std::shared_ptr<Sequence> SequenceSchedule::fork(Sequence& sequence) {
  auto made = create();
  try {
    copy(sequence, *made);
  } catch (...) {
    release(made);
    throw;
  }
  return made;
}

}  // namespace plimsoll::run
