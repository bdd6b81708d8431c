// facts: what a model and a context turned out to be. Values.
#pragma once
#include <cstdint>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {

// What a model is, read after loading it (weights or header alone).
struct ModelFacts {
  std::string architecture;
  std::string description;  // "llama 8B Q4_K - Medium"
  std::uint64_t n_params = 0;
  Bytes tensor_bytes;
  std::int32_t n_layer = 0;
  std::int32_t n_embd = 0;
  std::int32_t n_embd_inp = 0;  // numbers of a vector that stands in a token's place
  std::int32_t n_vocab = 0;
  std::int32_t n_swa = 0;  // tokens that a sliding-window layer sees; 0: every layer sees all
  std::uint32_t n_ctx_train = 0;
  std::uint32_t n_expert = 0;  // 0: not a mixture of experts
  bool has_encoder = false;
  bool has_decoder = true;
  bool is_recurrent = false;
  bool is_hybrid = false;
  bool is_diffusion = false;      // writes a whole text at once, over and over; keeps nothing between calls
  std::int32_t n_embd_out = 0;    // numbers of an embedding
  std::int32_t n_cls_out = 0;     // scores of a reranker or classifier; counts only where there is a head for them
  bool is_causal = true;          // false: every token sees all others, so a text must be computed at once
  bool has_2d_positions = false;  // a vector in a token's place has a position in time, row and column (M-RoPE)
  friend bool operator==(const ModelFacts&, const ModelFacts&) = default;
};

// What the engine really made; may differ from what was asked (sizes are padded, flash attention is decided).
struct ContextFacts {
  std::uint32_t n_ctx = 0;
  std::uint32_t n_ctx_seq = 0;  // tokens of one sequence
  std::uint32_t n_batch = 0;
  std::uint32_t n_ubatch = 0;
  std::uint32_t n_seq_max = 0;
  std::uint32_t n_outputs_max = 0;  // rows of logits that one call may ask for
  CacheType type_k = CacheType::f16;
  CacheType type_v = CacheType::f16;
  bool flash_attn = false;
  bool kv_unified = false;
  bool swa_full = false;
  bool has_memory = true;  // false: encoder-only models keep nothing between calls
  bool is_causal = true;   // a token sees those before it alone
  bool can_shift = false;  // positions in memory can be moved, within the compute buffers that were planned
  // How the vectors of a sequence's tokens become one; none where the context was not made for embeddings.
  Pooling pooling = Pooling::none;
  friend bool operator==(const ContextFacts&, const ContextFacts&) = default;
};

}  // namespace plimsoll::engine
