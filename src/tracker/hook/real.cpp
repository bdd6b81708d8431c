#include "real.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace plimsoll::hook {
namespace {

int find_ggml_base(dl_phdr_info* info, std::size_t, void* found) {
  if (std::strstr(info->dlpi_name, "libggml-base") == nullptr) return 0;
  *static_cast<std::string*>(found) = info->dlpi_name;
  return 1;
}

// A program that opened llama with dlopen keeps it out of RTLD_NEXT's reach; then the loaded library is asked by its
// own path.
void* loaded_ggml_base() {
  std::string path;
  dl_iterate_phdr(find_ggml_base, &path);
  return path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
}

template <class Function>
Function find(const char* name) {
  void* symbol = dlsym(RTLD_NEXT, name);
  if (symbol == nullptr) {
    if (void* library = loaded_ggml_base()) symbol = dlsym(library, name);
  }
  if (symbol == nullptr) {
    std::fprintf(stderr, "plimsoll: the memory hook cannot find %s in any loaded library\n", name);
    std::abort();
  }
  return reinterpret_cast<Function>(symbol);
}

}  // namespace

const RealFunctions& real_functions() noexcept {
  static const RealFunctions functions{
      .alloc_buffer = find<decltype(RealFunctions::alloc_buffer)>("ggml_backend_buft_alloc_buffer"),
      .buffer_free = find<decltype(RealFunctions::buffer_free)>("ggml_backend_buffer_free"),
      .gallocr_reserve_n = find<decltype(RealFunctions::gallocr_reserve_n)>("ggml_gallocr_reserve_n"),
      .alloc_tensors = find<decltype(RealFunctions::alloc_tensors)>("ggml_backend_alloc_ctx_tensors_from_buft"),
      .alloc_tensors_size =
          find<decltype(RealFunctions::alloc_tensors_size)>("ggml_backend_alloc_ctx_tensors_from_buft_size"),
      .sched_reserve_size = find<decltype(RealFunctions::sched_reserve_size)>("ggml_backend_sched_reserve_size"),
      .sched_split_graph = find<decltype(RealFunctions::sched_split_graph)>("ggml_backend_sched_split_graph"),
      .sched_alloc_graph = find<decltype(RealFunctions::sched_alloc_graph)>("ggml_backend_sched_alloc_graph"),
      .buffer_from_host_ptr =
          find<decltype(RealFunctions::buffer_from_host_ptr)>("ggml_backend_dev_buffer_from_host_ptr"),
      .tensor_set = find<decltype(RealFunctions::tensor_set)>("ggml_backend_tensor_set"),
      .tensor_get = find<decltype(RealFunctions::tensor_get)>("ggml_backend_tensor_get"),
      .get_proc_address = find<decltype(RealFunctions::get_proc_address)>("ggml_backend_reg_get_proc_address"),
  };
  return functions;
}

}  // namespace plimsoll::hook
