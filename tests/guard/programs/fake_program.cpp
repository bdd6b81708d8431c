// Uses the fake engine, and says what it got. fake_program [LIBRARY...]: opens these in the place of the one that it is
// linked with, and uses all of them at once.
//   FAKE_REOPEN  closes those libraries, opens them again, and uses them once more
//   FAKE_RELOAD  loads another model while the first one is freed
//   FAKE_BESIDE  loads another model on another thread while whoever came first asks the engine for its version
#include "fake_engine.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>
#include <vector>

namespace {

struct Functions {
  void* library = nullptr;  // null: it is linked with it
  decltype(&::llama_model_default_params) model_params = &::llama_model_default_params;
  decltype(&::llama_context_default_params) context_params = &::llama_context_default_params;
  decltype(&::llama_model_load_from_file) load = &::llama_model_load_from_file;
  decltype(&::llama_init_from_model) init = &::llama_init_from_model;
  decltype(&::llama_decode) decode = &::llama_decode;
  decltype(&::llama_free) free = &::llama_free;
  decltype(&::llama_model_free) model_free = &::llama_model_free;
  decltype(&::fake_handed_through) handed_through = &::fake_handed_through;
};

template <class Function>
void find(void* library, const char* name, Function& out) {
  out = reinterpret_cast<Function>(dlsym(library, name));
  if (out == nullptr) std::abort();
}

Functions opened(const char* file) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) std::abort();
  Functions functions;
  functions.library = library;
  find(library, "llama_model_default_params", functions.model_params);
  find(library, "llama_context_default_params", functions.context_params);
  find(library, "llama_model_load_from_file", functions.load);
  find(library, "llama_init_from_model", functions.init);
  find(library, "llama_decode", functions.decode);
  find(library, "llama_free", functions.free);
  find(library, "llama_model_free", functions.model_free);
  find(library, "fake_handed_through", functions.handed_through);
  return functions;
}

void load_another() {
  const Functions engine;
  std::printf("another %s\n",
              engine.load("/somewhere/another.gguf", engine.model_params()) == nullptr ? "null" : "model");
}

void load_another_beside() { std::thread(load_another).join(); }

int32_t decode(const Functions& engine, llama_context* context, int32_t n_tokens) {
  std::vector<int32_t> tokens(static_cast<std::size_t>(n_tokens), 1);
  return engine.decode(context, {n_tokens, tokens.data(), nullptr, nullptr, nullptr, nullptr, nullptr});
}

void use(const std::vector<Functions>& engines) {
  std::vector<llama_model*> models;
  std::vector<llama_context*> contexts;
  for (const Functions& engine : engines) models.push_back(engine.load("/somewhere/fake.gguf", engine.model_params()));
  for (std::size_t i = 0; i < engines.size(); ++i) {
    contexts.push_back(models[i] == nullptr ? nullptr : engines[i].init(models[i], engines[i].context_params()));
    std::printf("context %s, %d exceptions on their way\n", contexts[i] == nullptr ? "null" : "made",
                std::uncaught_exceptions());
    if (contexts[i] != nullptr && std::getenv("FAKE_LATER") != nullptr)
      std::printf("late %d\n", decode(engines[i], contexts[i], 13));
    std::printf("handed through %d\n", engines[i].handed_through());
  }
  for (std::size_t i = 0; i < engines.size(); ++i) {
    if (contexts[i] != nullptr) engines[i].free(contexts[i]);
    if (models[i] != nullptr) engines[i].model_free(models[i]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::vector<Functions> engines;
  for (int i = 1; i < argc; ++i) engines.push_back(opened(argv[i]));
  if (engines.empty()) engines.emplace_back();
  if (std::getenv("FAKE_RELOAD") != nullptr) fake_on_model_freed(load_another);
  if (std::getenv("FAKE_BESIDE") != nullptr) fake_on_version(load_another_beside);
  use(engines);
  if (std::getenv("FAKE_REOPEN") != nullptr) {
    for (const Functions& engine : engines) dlclose(engine.library);
    engines.clear();
    for (int i = 1; i < argc; ++i) engines.push_back(opened(argv[i]));
    use(engines);
  }
  std::printf("end\n");
  return 0;
}
