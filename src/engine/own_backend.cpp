// A backend that the user built: ggml takes it from GGML_BACKEND_PATH, or leaves it out with a word in its log.
#include <dlfcn.h>
#include <ggml-backend.h>

#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "engine/backend.hpp"

namespace plimsoll::engine {
namespace {

// The registration of every backend begins with the number of the interface that it was built for. ggml's header that
// says so is not installed; that the engine's own say the same number is held by a test.
int interface_of(const void* registration) { return *static_cast<const int*>(registration); }

std::string why_not(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return "there is no such file";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // it stays: the engine may have it, too
  if (library == nullptr) return fmt::format("it cannot be loaded: {}", dlerror());
  const auto init = reinterpret_cast<ggml_backend_reg_t (*)()>(dlsym(library, "ggml_backend_init"));
  if (init == nullptr) return "it is not a backend that can be loaded: build ggml with GGML_BACKEND_DL=ON";
  if (const auto score = reinterpret_cast<int (*)()>(dlsym(library, "ggml_backend_score"));
      score != nullptr && score() == 0)
    return "it needs what this machine has not";
  const ggml_backend_reg_t registration = init();
  if (registration == nullptr) return "it found no driver or no device";
  for (std::size_t i = 0; i < ggml_backend_reg_count(); ++i) {
    if (ggml_backend_reg_get(i) == registration) return {};
  }
  const int ours = ggml_backend_reg_count() > 0 ? interface_of(ggml_backend_reg_get(0)) : 0;
  if (const int its = interface_of(registration); ours != 0 && its != ours)
    return fmt::format("it was built for interface {} of ggml, and the engine here has {}: build it from ggml {}", its,
                       ours, ggml_version());
  return "the engine did not take it";
}

}  // namespace

std::string own_backend_problem() {
  const char* path = std::getenv("GGML_BACKEND_PATH");
  if (path == nullptr || *path == '\0') return {};
  const std::string why = why_not(path);
  return why.empty() ? why : fmt::format("GGML_BACKEND_PATH names '{}', which is not used: {}", path, why);
}

}  // namespace plimsoll::engine
