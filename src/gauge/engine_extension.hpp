// Two calls that libllama exports (they are in the distribution's symbols file) but declares in no installed header.
// cmake/ProbeEngine.cmake proves at configure time that they link; the survey's self-check proves that they still mean
// the same. Declared as the engine declares them.
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

std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(
    const llama_context* context);

ggml_cgraph* llama_graph_reserve(llama_context* context, std::uint32_t n_tokens, std::uint32_t n_seqs,
                                 std::uint32_t n_outputs);
