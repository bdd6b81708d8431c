#include "loaded_libraries.hpp"

#include <ggml-backend.h>
#include <gnu/libc-version.h>
#include <llama.h>

#include <cstdio>
#include <exception>

#include "base/own_program.hpp"
#include "engine/backend_folder.hpp"

namespace plimsoll::app {
namespace {

template <class Symbol>
std::string file_of(Symbol* symbol) {
  return mapped_file_at(reinterpret_cast<const void*>(symbol));
}

}  // namespace

LoadedLibraries loaded_libraries() {
  return {.c_version = gnu_get_libc_version(),
          .c = file_of(&std::puts),
          .cpp = file_of(&std::uncaught_exceptions),
          .llama = file_of(&llama_backend_init),
          .ggml = file_of(&ggml_backend_load_all),
          .backends = engine::own_backend_folder().string(),
          .bundle = started_by_loader()};
}

}  // namespace plimsoll::app
