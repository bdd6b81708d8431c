// engine_params: choices of ours as the engine's. The numbers are the same, which is held here.
#pragma once
#include <llama.h>

#include <utility>

#include <plimsoll/engine/params.hpp>

namespace plimsoll::engine {

static_assert(std::to_underlying(SplitMode::tensor) == LLAMA_SPLIT_MODE_TENSOR);
static_assert(std::to_underlying(LoadMode::automatic) == LLAMA_LOAD_MODE_AUTO);
static_assert(std::to_underlying(LoadMode::direct_io) == LLAMA_LOAD_MODE_DIRECT_IO);
static_assert(std::to_underlying(FlashAttention::automatic) == LLAMA_FLASH_ATTN_TYPE_AUTO);
static_assert(std::to_underlying(FlashAttention::on) == LLAMA_FLASH_ATTN_TYPE_ENABLED);
static_assert(std::to_underlying(Pooling::unspecified) == LLAMA_POOLING_TYPE_UNSPECIFIED);
static_assert(std::to_underlying(Pooling::rank) == LLAMA_POOLING_TYPE_RANK);
static_assert(std::to_underlying(Attention::unspecified) == LLAMA_ATTENTION_TYPE_UNSPECIFIED);
static_assert(std::to_underlying(Attention::non_causal) == LLAMA_ATTENTION_TYPE_NON_CAUSAL);
static_assert(std::to_underlying(RopeScaling::unspecified) == LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED);
static_assert(std::to_underlying(RopeScaling::longrope) == LLAMA_ROPE_SCALING_TYPE_LONGROPE);
static_assert(std::to_underlying(CacheType::q4_0) == GGML_TYPE_Q4_0);
static_assert(std::to_underlying(CacheType::q5_1) == GGML_TYPE_Q5_1);
static_assert(std::to_underlying(CacheType::q8_0) == GGML_TYPE_Q8_0);
static_assert(std::to_underlying(CacheType::iq4_nl) == GGML_TYPE_IQ4_NL);
static_assert(std::to_underlying(CacheType::bf16) == GGML_TYPE_BF16);

[[nodiscard]] constexpr llama_split_mode to_engine(SplitMode mode) { return static_cast<llama_split_mode>(mode); }
[[nodiscard]] constexpr llama_load_mode to_engine(LoadMode mode) { return static_cast<llama_load_mode>(mode); }
[[nodiscard]] constexpr llama_flash_attn_type to_engine(FlashAttention choice) {
  return static_cast<llama_flash_attn_type>(choice);
}
[[nodiscard]] constexpr enum llama_pooling_type to_engine(Pooling pooling) {
  return static_cast<enum llama_pooling_type>(pooling);
}
[[nodiscard]] constexpr llama_attention_type to_engine(Attention attention) {
  return static_cast<llama_attention_type>(attention);
}
[[nodiscard]] constexpr llama_rope_scaling_type to_engine(RopeScaling scaling) {
  return static_cast<llama_rope_scaling_type>(scaling);
}
[[nodiscard]] constexpr ggml_type to_engine(CacheType type) { return static_cast<ggml_type>(type); }

}  // namespace plimsoll::engine
