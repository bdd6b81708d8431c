// Sequence: what is known of one sequence of a context. Guarded by the schedule's lock.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include <plimsoll/engine/context.hpp>

namespace plimsoll::run {

struct Sequence {
  explicit Sequence(engine::SequenceId sequence) : id(sequence) {}

  [[nodiscard]] std::size_t waiting() const noexcept { return tokens.size() - decoded; }
  [[nodiscard]] engine::Position next_position() const noexcept { return positions.empty() ? 0 : positions.back() + 1; }
  [[nodiscard]] bool has_vectors() const noexcept { return first_vector.has_value(); }

  engine::SequenceId id;
  std::vector<engine::Token> tokens;        // LLAMA_TOKEN_NULL where a vector stands
  std::vector<engine::Position> positions;  // of each
  std::size_t decoded = 0;                  // of them, in memory; the others wait
  std::vector<float> vectors;               // [waiting x n_embd_inp] while vectors wait, else empty
  std::optional<std::size_t> first_vector;  // index of the first token that was a vector

  bool all_logits = false;               // of what waits, else of its last token only
  std::vector<std::int32_t> batch_rows;  // of the last batch, while their logits are still the engine's
  std::vector<float> logits;             // [rows x n_vocab] once they are ours
};

}  // namespace plimsoll::run
