# The dry run reads sizes through two calls that libllama exports but declares in no installed header. The declarations are
# ours (src/dry_run/engine_extension.hpp), so here the linker must confirm that the engine really has them.
include(CheckCXXSourceCompiles)
# By file, not by target: the target carries C features that a C++ check cannot know.
set(CMAKE_REQUIRED_LIBRARIES ${llama_LIBRARY} ${GGML_BASE_LIBRARY})
set(CMAKE_REQUIRED_INCLUDES ${LLAMA_INCLUDE_DIR})
set(CMAKE_REQUIRED_FLAGS "-std=c++23")
check_cxx_source_compiles("
  #include <llama.h>
  #include <map>
  struct llama_memory_breakdown_data { size_t model = 0, context = 0, compute = 0; };
  std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data> llama_get_memory_breakdown(const llama_context *);
  ggml_cgraph * llama_graph_reserve(llama_context *, uint32_t, uint32_t, uint32_t);
  int main(int argc, char **) {
    return argc > 1 ? int(llama_get_memory_breakdown(nullptr).size()) + (llama_graph_reserve(nullptr, 1, 1, 1) != nullptr) : 0;
  }" PLIMSOLL_ENGINE_EXTENSION)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_FLAGS)
if(NOT PLIMSOLL_ENGINE_EXTENSION)
  message(FATAL_ERROR "libllama ${LLAMA_VERSION} lacks llama_get_memory_breakdown or llama_graph_reserve: plans cannot be "
                      "exact with it. See docs/planning.md.")
endif()
