// The functions of ggml that we stand in front of, found in the library that has them.
#pragma once
#include <ggml-alloc.h>
#include <ggml-backend.h>

namespace plimsoll::hook {

struct RealFunctions {
  decltype(&::ggml_backend_buft_alloc_buffer) alloc_buffer;
  decltype(&::ggml_backend_buffer_free) buffer_free;
  decltype(&::ggml_gallocr_reserve_n) gallocr_reserve_n;
  decltype(&::ggml_backend_alloc_ctx_tensors_from_buft) alloc_tensors;
  decltype(&::ggml_backend_alloc_ctx_tensors_from_buft_size) alloc_tensors_size;
  decltype(&::ggml_backend_sched_reserve_size) sched_reserve_size;
  decltype(&::ggml_backend_sched_split_graph) sched_split_graph;
  decltype(&::ggml_backend_sched_alloc_graph) sched_alloc_graph;
  decltype(&::ggml_backend_dev_buffer_from_host_ptr) buffer_from_host_ptr;
  decltype(&::ggml_backend_tensor_set) tensor_set;
  decltype(&::ggml_backend_tensor_get) tensor_get;
  decltype(&::ggml_backend_reg_get_proc_address) get_proc_address;
};

// Found once; ends the process with a sentence where libggml-base is nowhere to be found, since nothing could be
// answered.
[[nodiscard]] const RealFunctions& real_functions() noexcept;

}  // namespace plimsoll::hook
