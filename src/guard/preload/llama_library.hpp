// LlamaLibrary: one libllama in this process: where its functions are, and how large what they take is.
#pragma once
#include <llama.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine.hpp"
#include "libraries.hpp"
#include "llama_names.hpp"

namespace plimsoll::guard {

// What a warm-up calls. All of them are there in every version that is known.
#define PLIMSOLL_LLAMA_FUNCTIONS(X) \
  X(llama_decode)                   \
  X(llama_encode)                   \
  X(llama_free)                     \
  X(llama_get_embeddings)           \
  X(llama_get_memory)               \
  X(llama_get_model)                \
  X(llama_memory_can_shift)         \
  X(llama_memory_clear)             \
  X(llama_memory_seq_add)           \
  X(llama_memory_seq_cp)            \
  X(llama_memory_seq_pos_max)       \
  X(llama_memory_seq_rm)            \
  X(llama_model_get_vocab)          \
  X(llama_model_has_decoder)        \
  X(llama_model_has_encoder)        \
  X(llama_n_batch)                  \
  X(llama_n_ctx)                    \
  X(llama_n_seq_max)                \
  X(llama_n_ubatch)                 \
  X(llama_perf_context_reset)       \
  X(llama_sampler_free)             \
  X(llama_sampler_init_greedy)      \
  X(llama_sampler_sample)           \
  X(llama_state_seq_get_data)       \
  X(llama_state_seq_get_size)       \
  X(llama_state_seq_set_data)       \
  X(llama_synchronize)              \
  X(llama_vocab_n_tokens)
// Not in all of them, or of use where the layout of parameters is known only.
#define PLIMSOLL_LLAMA_OPTIONS(X) \
  X(llama_model_is_hybrid)        \
  X(llama_model_is_recurrent)     \
  X(llama_model_meta_val_str)     \
  X(llama_n_ctx_seq)              \
  X(llama_set_abort_callback)     \
  X(llama_version)

struct LlamaFunctions {
#define PLIMSOLL_MEMBER(name) decltype(&::name) name = nullptr;
  PLIMSOLL_LLAMA_FUNCTIONS(PLIMSOLL_MEMBER)
  PLIMSOLL_LLAMA_OPTIONS(PLIMSOLL_MEMBER)
#undef PLIMSOLL_MEMBER
};

class LlamaLibrary {
 public:
  // The library that has this llama_init_from_model, and the ggml that it calls.
  LlamaLibrary(const void* init_from_model, Engine& engine);

  [[nodiscard]] Engine& engine() const noexcept { return engine_; }
  [[nodiscard]] const LlamaFunctions& functions() const noexcept { return functions_; }
  [[nodiscard]] const void* function(LlamaCall call) const noexcept { return calls_[static_cast<std::size_t>(call)]; }
  // What the caller puts on the stack for it.
  [[nodiscard]] std::size_t stack_bytes(LlamaCall call) const noexcept;
  // Where its init_from_model is.
  [[nodiscard]] const void* where() const noexcept { return function(LlamaCall::init_from_model); }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

  // Why its contexts cannot be warmed up; empty: they can.
  [[nodiscard]] std::string why_not_warmed() const;
  // It is the version whose header this library was compiled with, so parameters may be read.
  [[nodiscard]] bool layout_is_known() const noexcept { return layout_is_known_; }

 private:
  void measure(const Library& library);

  Engine& engine_;
  std::array<const void*, kLlamaCalls.size()> calls_{};
  LlamaFunctions functions_;
  std::string version_;
  std::string missing_;
  std::size_t model_params_bytes_ = kUnknown;
  std::size_t context_params_bytes_ = kUnknown;
  std::size_t batch_bytes_ = kUnknown;
  bool layout_is_known_ = false;

  static constexpr std::size_t kUnknown = 512;
};

// As engine_for() and engine_of_number().
[[nodiscard]] LlamaLibrary* llama_for(const void* code);
[[nodiscard]] LlamaLibrary* llama_of_number(std::uint32_t number) noexcept;
void hold_llama_libraries();
void let_go_llama_libraries();
[[nodiscard]] std::uint32_t number_of(const LlamaLibrary& library) noexcept;
// The one that has this llama_init_from_model, made known where it is not.
[[nodiscard]] LlamaLibrary* llama_at(const void* init_from_model);

}  // namespace plimsoll::guard
