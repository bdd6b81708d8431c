// A program that knows nothing of the hook and opens libllama at run time, as bindings of other languages do. Makes
// libggml reserve and free a graph, and fails where that was not seen by a preloaded hook as expected.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "tracker/hook.hpp"

int main(int argc, char** argv) {
  void* library = dlopen("libllama.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::fprintf(stderr, "%s\n", dlerror()), 1;
#define GGML(name) const auto name = reinterpret_cast<decltype(&::name)>(dlsym(library, #name))
  GGML(ggml_init);
  GGML(ggml_free);
  GGML(ggml_new_tensor_1d);
  GGML(ggml_set_input);
  GGML(ggml_new_graph);
  GGML(ggml_add);
  GGML(ggml_build_forward_expand);
  GGML(ggml_gallocr_new);
  GGML(ggml_gallocr_reserve);
  GGML(ggml_gallocr_free);
  GGML(ggml_backend_cpu_buffer_type);
#undef GGML
  ggml_context* context = ggml_init({.mem_size = 1 << 20, .mem_buffer = nullptr, .no_alloc = true});
  ggml_tensor* a = ggml_new_tensor_1d(context, GGML_TYPE_F32, 16);
  ggml_set_input(a);
  ggml_cgraph* graph = ggml_new_graph(context);
  ggml_build_forward_expand(graph, ggml_add(context, a, a));
  ggml_gallocr_t allocator = ggml_gallocr_new(ggml_backend_cpu_buffer_type());
  if (!ggml_gallocr_reserve(allocator, graph)) return 1;
  ggml_gallocr_free(allocator);
  ggml_free(context);

  const auto counters =
      reinterpret_cast<decltype(&plimsoll::hook::counters)>(dlsym(RTLD_DEFAULT, "_ZN8plimsoll4hook8countersEv"));
  const plimsoll::hook::Counters seen = counters == nullptr ? plimsoll::hook::Counters{} : counters();
  const char* found = seen.allocations > 0 && seen.frees > 0 ? "seen" : counters == nullptr ? "no hook" : "unseen";
  std::printf("%s\n", found);
  return argc == 2 && std::strcmp(argv[1], found) == 0 ? 0 : 1;
}
