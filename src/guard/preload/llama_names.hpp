// llama_names: llama's functions that the guard stands before, without knowing how their parameters are laid out.
#pragma once
#include <array>
#include <cstdint>

namespace plimsoll::guard {

// In the order of the entries in calls_x86_64.cpp.
enum class LlamaCall : std::uint32_t {
  model_load_from_file,
  model_load_from_splits,
  model_load_from_file_ptr,
  model_init_from_user,
  adapter_lora_init,
  init_from_model,
  decode,
  encode,
  process,
  free_context,
  model_free,
  set_adapters_lora,
  set_adapter_lora,
  rm_adapter_lora,
  clear_adapter_lora,
  set_adapter_cvec,
  apply_adapter_cvec,
  set_embeddings,
  set_causal_attn,
  set_sampler,
  set_warmup,
};
inline constexpr std::array<const char*, 21> kLlamaCalls{
    "llama_model_load_from_file",
    "llama_model_load_from_splits",
    "llama_model_load_from_file_ptr",
    "llama_model_init_from_user",
    "llama_adapter_lora_init",
    "llama_init_from_model",
    "llama_decode",
    "llama_encode",
    "llama_process",
    "llama_free",
    "llama_model_free",
    "llama_set_adapters_lora",
    "llama_set_adapter_lora",
    "llama_rm_adapter_lora",
    "llama_clear_adapter_lora",
    "llama_set_adapter_cvec",
    "llama_apply_adapter_cvec",
    "llama_set_embeddings",
    "llama_set_causal_attn",
    "llama_set_sampler",
    "llama_set_warmup",
};

// How many entries each library of a process has, for functions that were asked for by dlsym().
inline constexpr std::uint32_t kCallsOfALibrary = 32;
static_assert(kLlamaCalls.size() <= kCallsOfALibrary);

// Libraries of one kind that a process may have; what comes after them is left alone.
inline constexpr std::uint32_t kMostLibraries = 8;
// In the place of a library's number: the one that the caller would have called without the guard.
inline constexpr std::uint32_t kOfTheCaller = kMostLibraries;

}  // namespace plimsoll::guard
