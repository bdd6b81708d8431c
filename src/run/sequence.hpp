// Sequence: what is known of one sequence of a context. Guarded by the schedule's lock.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/adapter.hpp"
#include "engine/context.hpp"

#include "cell_runs.hpp"

namespace plimsoll::run {

class Continuation;

// Vectors in the place of tokens that are not all in memory yet: a picture, a sound, or what a caller gave.
struct VectorBlock {
  std::size_t first = 0;  // index of its first one among the sequence's tokens
  std::size_t count = 0;
  bool at_once = false;                      // they see each other, so they are decoded as one
  std::vector<float> numbers;                // [count x n_embd_inp]; kept until all of them are in memory
  std::vector<engine::Position4> positions;  // of each, where the model's have several dimensions; else none

  [[nodiscard]] std::size_t end() const noexcept { return first + count; }
};

// Vectors that take another number of positions than there are of them.
struct PositionSpan {
  std::size_t first = 0;
  std::size_t count = 0;
  engine::Position next = 0;  // where what follows them stands

  [[nodiscard]] std::size_t end() const noexcept { return first + count; }
};

struct Sequence {
  explicit Sequence(engine::SequenceId sequence) : id(sequence) {}

  [[nodiscard]] std::size_t waiting() const noexcept { return tokens.size() - decoded; }
  [[nodiscard]] engine::Position next_position() const noexcept {
    if (!spans.empty() && spans.back().end() == tokens.size()) return spans.back().next;
    return positions.empty() ? 0 : positions.back() + 1;
  }
  // What waits next are vectors: these. Null: tokens, or nothing.
  [[nodiscard]] const VectorBlock* block_due() const noexcept {
    return !blocks.empty() && blocks.front().first <= decoded ? &blocks.front() : nullptr;
  }
  // How many wait until tokens end and vectors begin, or the other way round.
  [[nodiscard]] std::size_t due() const noexcept {
    if (const VectorBlock* block = block_due()) return block->end() - decoded;
    return blocks.empty() ? waiting() : blocks.front().first - decoded;
  }
  // Vectors are in memory whose numbers are gone: what is there cannot be decoded again.
  [[nodiscard]] bool has_lost_vectors() const noexcept {
    return first_vector && *first_vector < decoded && (blocks.empty() || *first_vector < blocks.front().first);
  }
  // A cut there would leave a part of a piece whose positions make sense as a whole only.
  [[nodiscard]] bool is_inside_a_span(std::size_t index) const noexcept {
    return std::ranges::any_of(spans,
                               [&](const PositionSpan& span) { return span.first < index && index < span.end(); });
  }

  engine::SequenceId id;
  std::vector<engine::Token> tokens;        // LLAMA_TOKEN_NULL where a vector stands
  std::vector<engine::Position> positions;  // of each
  std::size_t decoded = 0;                  // of them, in memory; the others wait
  std::vector<VectorBlock> blocks;          // in their order
  std::vector<PositionSpan> spans;          // in their order
  std::optional<std::size_t> first_vector;  // index of the first token that was a vector

  Continuation* continuation = nullptr;  // decoded for it; null: only beside others
  bool made_way = false;                 // not decoded until another one has ended: see full_cache.cpp

  CellRuns cells;                        // of those in memory, where sequences share a cache
  double weight = 1;                     // its share of the prompts' tokens of a batch
  engine::AdapterScales adapter_scales;  // what it is computed with; empty: the instance's
  std::uint64_t waits_since = 0;         // in half batches: who was part of one comes after who has come since

  bool all_logits = false;               // of what waits, else of its last token only
  std::vector<std::int32_t> batch_rows;  // of the last batch, while their logits are still the engine's
  std::vector<float> logits;             // [rows x n_vocab] once they are ours
};

}  // namespace plimsoll::run
