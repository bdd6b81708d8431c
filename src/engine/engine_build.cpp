#include "engine/engine_build.hpp"

#include <dlfcn.h>
#include <ggml-backend.h>
#include <llama.h>
#include <sys/stat.h>

#include <cstdlib>

#include <fmt/format.h>

#include "base/hash.hpp"

namespace plimsoll::engine {
namespace {

void add_file(Fnv1a& hash, const char* path) {
  struct stat facts{};
  if (path == nullptr || stat(path, &facts) != 0) return;
  hash.add(fmt::format("{}:{}.{};", facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec));
}

// The file that a function of the engine was loaded from.
template <class Function>
void add_library_of(Fnv1a& hash, Function* function) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(function), &info) != 0) add_file(hash, info.dli_fname);
}

}  // namespace

std::string engine_build() {
  Fnv1a hash;
  add_library_of(hash, &llama_model_load_from_file);
  add_library_of(hash, &ggml_backend_load_all);
  add_library_of(hash, &ggml_backend_buffer_get_size);
  add_file(hash, std::getenv("GGML_BACKEND_PATH"));
  return hash.hex();
}

}  // namespace plimsoll::engine
