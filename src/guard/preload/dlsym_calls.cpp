// dlsym(): bindings of other languages ask for llama's functions by name, past the order in which the dynamic linker
// looks for them. For those that the guard stands before they get its entries; everything else goes to the C library.
#include <dlfcn.h>

#include <algorithm>
#include <string_view>

#include "calls.hpp"
#include "engine.hpp"
#include "ggml_calls.hpp"
#include "libraries.hpp"
#include "llama_library.hpp"
#include "llama_names.hpp"

namespace plimsoll::guard {
namespace {

std::uint32_t call_named(std::string_view name) {
  return static_cast<std::uint32_t>(std::ranges::find(kLlamaCalls, name) - kLlamaCalls.begin());
}

bool is_named_in_the_guard(std::string_view name) {
  return call_named(name) < kLlamaCalls.size() || ggml_entry(name, 0) != nullptr;
}

// The entry for a function of some library; the function itself where there is no more room for its library.
const void* entry_for(const char* name, void* function) {
  if (const std::uint32_t call = call_named(name); call < kLlamaCalls.size()) {
    const void* init = function_for(library_of(function), "llama_init_from_model");
    LlamaLibrary* llama = init == nullptr ? nullptr : llama_at(init);
    if (llama == nullptr || number_of(*llama) == kMostLibraries) return function;
    return entry_of(number_of(*llama), call);
  }
  Engine* engine = engine_for(function);
  const void* entry = engine == nullptr ? nullptr : ggml_entry(name, number_of(*engine));
  return entry == nullptr ? function : entry;
}

// Called as dlsym() was, with the caller behind its arguments.
void* answer(void* handle, const char* name, const void* caller) {
  // Everywhere the program may look: in what was loaded with it, where the guard's own is found first, and in what the
  // caller brought along.
  void* function = handle == RTLD_DEFAULT ? real_dlsym(RTLD_NEXT, name) : real_dlsym(handle, name);
  if (handle == RTLD_DEFAULT && function == nullptr) function = function_for(library_of(caller), name);
  if (is_ours(function)) function = real_dlsym(RTLD_NEXT, name);
  if (function == nullptr || is_ours(function)) {
    (void)real_dlsym(RTLD_NEXT, name);  // finds none, and leaves the words of that for dlerror()
    return nullptr;
  }
  const void* entry = entry_for(name, function);
  (void)dlerror();  // what was looked for on the way is nothing that the program asked
  return const_cast<void*>(entry);
}

}  // namespace

extern "C" const void* plimsoll_guard_dlsym(void* handle, const char* name) {
  // "The next after me" is a question that the C library must be asked by its caller; whoever asks it stands before us.
  if (handle == RTLD_NEXT || name == nullptr || !is_named_in_the_guard(name)) return real_dlsym_itself();
  return reinterpret_cast<const void*>(&answer);
}

}  // namespace plimsoll::guard
