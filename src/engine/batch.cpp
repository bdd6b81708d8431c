#include "engine/batch.hpp"

#include <plimsoll/base/error.hpp>

namespace plimsoll::engine {

void Batch::add(llama_token token, llama_pos position, llama_seq_id sequence, bool output) {
  if (embedding_size_ != 0) throw Error(ErrorCode::usage, "a batch is of tokens or of vectors, not of both");
  append(token, position, sequence, output);
}

void Batch::append(llama_token token, llama_pos position, llama_seq_id sequence, bool output) {
  tokens_.push_back(token);
  positions_.push_back(position);
  sequences_.push_back(sequence);
  wants_output_.push_back(output ? 1 : 0);
  outputs_ += output ? 1 : 0;
}

namespace {

void require_fitting(const Batch& batch, std::span<const float> vector, bool same_positions) {
  const bool fits = batch.embedding_size() == 0 ? batch.empty() : batch.embedding_size() == vector.size();
  if (vector.empty() || !fits)
    throw Error(ErrorCode::usage, "a batch is of tokens, or of vectors that are all equally long");
  if (!same_positions)
    throw Error(ErrorCode::usage, "the positions of a batch all have several dimensions, or none has");
}

}  // namespace

void Batch::add_embedding(std::span<const float> vector, llama_pos position, llama_seq_id sequence, bool output) {
  require_fitting(*this, vector, !has_2d_positions());
  embedding_size_ = vector.size();
  embeddings_.insert(embeddings_.end(), vector.begin(), vector.end());
  append(LLAMA_TOKEN_NULL, position, sequence, output);
}

void Batch::add_embedding(std::span<const float> vector, const Position4& position, llama_seq_id sequence,
                          bool output) {
  require_fitting(*this, vector, empty() || has_2d_positions());
  embedding_size_ = vector.size();
  embeddings_.insert(embeddings_.end(), vector.begin(), vector.end());
  append(LLAMA_TOKEN_NULL, position[0], sequence, output);
  more_positions_.push_back({position[1], position[2], position[3]});
}

void Batch::add_prompt(std::span<const llama_token> tokens, llama_pos first, llama_seq_id sequence, bool output_last) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    add(tokens[i], first + static_cast<llama_pos>(i), sequence, output_last && i + 1 == tokens.size());
  }
}

llama_batch Batch::view(std::int32_t from, std::int32_t count) const {
  sequence_counts_.assign(tokens_.size(), 1);
  sequence_pointers_.clear();
  for (const llama_seq_id& sequence : sequences_) sequence_pointers_.push_back(const_cast<llama_seq_id*>(&sequence));
  // The engine's struct has no const, but decoding only reads.
  float* const vectors = const_cast<float*>(embeddings_.data()) + static_cast<std::size_t>(from) * embedding_size_;
  llama_pos* positions = const_cast<llama_pos*>(positions_.data()) + from;
  if (has_2d_positions()) {
    sections_.assign(positions, positions + count);
    for (std::size_t dimension = 0; dimension < 3; ++dimension) {
      for (std::int32_t i = from; i < from + count; ++i)
        sections_.push_back(more_positions_[static_cast<std::size_t>(i)][dimension]);
    }
    positions = sections_.data();
  }
  return {.n_tokens = count,
          .token = has_embeddings() ? nullptr : const_cast<llama_token*>(tokens_.data()) + from,
          .embd = has_embeddings() ? vectors : nullptr,
          .pos = positions,
          .n_seq_id = sequence_counts_.data() + from,
          .seq_id = sequence_pointers_.data() + from,
          .logits = const_cast<std::int8_t*>(wants_output_.data()) + from};
}

}  // namespace plimsoll::engine
