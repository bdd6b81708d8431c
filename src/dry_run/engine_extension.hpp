// Two calls that libllama exports (they are in the distribution's symbols file) but declares in no installed header.
// cmake/ProbeEngine.cmake proves at configure time that they link. An engine that came later may lack them, or give its
// answer another form: engine_extension.cpp looks before anything is read. Declared as the engine declares them, and
// weak: where one is missing there is a sentence to say, instead of a program that does not start.
#pragma once
#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <map>

struct llama_memory_breakdown_data {  // NOLINT(readability-identifier-naming): the engine's name
  std::size_t model = 0;              // bytes of weights
  std::size_t context = 0;            // bytes of KV cache and recurrent state
  std::size_t compute = 0;            // bytes of compute buffers
};

__attribute__((weak)) std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(
    const llama_context* context);

__attribute__((weak)) ggml_cgraph* llama_graph_reserve(llama_context* context, std::uint32_t n_tokens,
                                                       std::uint32_t n_seqs, std::uint32_t n_outputs);

namespace plimsoll::dry_run {

class DryRunObserver;

using MemoryBreakdown = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>;

// What a context of a header holds, as the engine tells it, held against what it asked ggml for while it told it: that
// goes through public functions. Where the two differ, the numbers lie elsewhere than we read them. Throws
// Error{unsupported}: then no plan can be made with this engine.
[[nodiscard]] MemoryBreakdown memory_breakdown(const llama_context* context, DryRunObserver& seen);

// llama_graph_reserve. Throws Error{unsupported} where the engine has none.
ggml_cgraph* reserve_graph(llama_context* context, std::uint32_t n_tokens, std::uint32_t n_seqs,
                           std::uint32_t n_outputs);

}  // namespace plimsoll::dry_run
