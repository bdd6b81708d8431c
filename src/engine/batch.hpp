// Batch: tokens (or vectors in their place) on their way into a context, each with its sequence, position and whether
// its logits are wanted.
#pragma once
#include <llama.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace plimsoll::engine {

// Where a vector stands for models whose positions have several dimensions: time, row, column, and one unused.
using Position4 = std::array<llama_pos, 4>;

// Owns its arrays; grows as needed. All of it tokens or all of it vectors. One thread.
class Batch {
 public:
  Batch() = default;

  void add(llama_token token, llama_pos position, llama_seq_id sequence, bool output);
  // Consecutive positions from `first`; only the last token asks for an output.
  void add_prompt(std::span<const llama_token> tokens, llama_pos first, llama_seq_id sequence, bool output_last = true);

  // A vector of [n_embd_inp] numbers in the place of a token; copied. Every one of a batch has the same length.
  void add_embedding(std::span<const float> vector, llama_pos position, llama_seq_id sequence, bool output);

  // The same for models whose positions have several dimensions (ModelFacts::has_2d_positions), which need them all.
  void add_embedding(std::span<const float> vector, const Position4& position, llama_seq_id sequence, bool output);
  // Every one of this batch sees all others, also those behind it; then it must fit one micro-batch.
  void set_sees_all(bool sees_all) noexcept { sees_all_ = sees_all; }

  [[nodiscard]] bool sees_all() const noexcept { return sees_all_; }
  [[nodiscard]] bool has_2d_positions() const noexcept { return !more_positions_.empty(); }
  [[nodiscard]] std::int32_t size() const noexcept { return static_cast<std::int32_t>(tokens_.size()); }
  [[nodiscard]] bool empty() const noexcept { return tokens_.empty(); }
  [[nodiscard]] bool has_embeddings() const noexcept { return !embeddings_.empty(); }
  [[nodiscard]] std::size_t embedding_size() const noexcept { return embedding_size_; }  // 0: a batch of tokens
  [[nodiscard]] std::int32_t outputs() const noexcept { return outputs_; }
  [[nodiscard]] llama_token token(std::int32_t index) const { return tokens_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] llama_pos position(std::int32_t index) const { return positions_[static_cast<std::size_t>(index)]; }
  [[nodiscard]] llama_seq_id sequence(std::int32_t index) const { return sequences_[static_cast<std::size_t>(index)]; }
  // A piece of it, as the engine takes it. Borrows; valid until the next change of this batch or the next view.
  [[nodiscard]] llama_batch view(std::int32_t from, std::int32_t count) const;
  [[nodiscard]] llama_batch view() const { return view(0, size()); }

 private:
  void append(llama_token token, llama_pos position, llama_seq_id sequence, bool output);

  std::vector<llama_token> tokens_;  // LLAMA_TOKEN_NULL where a vector stands in its place
  std::vector<float> embeddings_;    // [size x embedding_size]
  std::size_t embedding_size_ = 0;
  std::vector<llama_pos> positions_;
  std::vector<std::array<llama_pos, 3>> more_positions_;  // row, column, unused; of each, or none at all
  bool sees_all_ = false;
  std::vector<llama_seq_id> sequences_;
  std::vector<std::int8_t> wants_output_;
  std::int32_t outputs_ = 0;
  mutable std::vector<llama_pos> sections_;  // the engine wants one dimension after the other
  mutable std::vector<std::int32_t> sequence_counts_;
  mutable std::vector<llama_seq_id*> sequence_pointers_;
};

}  // namespace plimsoll::engine
