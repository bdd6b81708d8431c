#include "llama_library.hpp"

#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "answer_size.hpp"
#include "guarding.hpp"
#include "known_places.hpp"

namespace plimsoll::guard {
namespace {

constexpr const char* kMakesContexts = "llama_init_from_model";

struct Llamas {
  std::mutex mutex;  // of adding and remembering; nothing is searched for under it
  std::array<std::atomic<LlamaLibrary*>, kMostLibraries> all{};
  KnownPlaces<LlamaLibrary> by_place;
};
Llamas& llamas() {
  static auto* const the_libraries = new Llamas;
  return *the_libraries;
}

LlamaLibrary* known_by(const Llamas& all, const void* init_from_model) {
  for (const auto& one : all.all) {
    LlamaLibrary* library = one.load(std::memory_order_acquire);
    if (library != nullptr && library->where() == init_from_model) return library;
  }
  return nullptr;
}

// Made without the lock, as an Engine is.
LlamaLibrary* known_or_new(Llamas& all, const void* init_from_model) {
  if (LlamaLibrary* known = known_by(all, init_from_model)) return known;
  Engine* engine = engine_for(init_from_model);
  if (engine == nullptr) return nullptr;
  auto made = std::make_unique<LlamaLibrary>(init_from_model, *engine);
  const std::lock_guard lock(all.mutex);
  if (LlamaLibrary* known = known_by(all, init_from_model)) return known;  // another thread was quicker
  for (auto& place : all.all) {
    if (place.load(std::memory_order_relaxed) != nullptr) continue;
    note_llama(*engine, made->version());
    place.store(made.get(), std::memory_order_release);
    return made.release();
  }
  return nullptr;
}

// A structure that is returned by value goes to a place that the caller names in the first register.
template <class... Arguments>
std::size_t size_returned(void* function, Arguments... arguments) {
  using Returns = void* (*)(void*, Arguments...);
  return size_of_answer([&](void* place) { (void)reinterpret_cast<Returns>(function)(place, arguments...); });
}

}  // namespace

LlamaLibrary::LlamaLibrary(const void* init_from_model, Engine& engine) : engine_(engine) {
  const Library library = library_of(init_from_model);
  for (std::size_t i = 0; i < calls_.size(); ++i) calls_[i] = function_for(library, kLlamaCalls[i]);
  const auto find = [&](const char* name, auto& out, bool needed) {
    out = reinterpret_cast<std::remove_reference_t<decltype(out)>>(function_for(library, name));
    if (out == nullptr && needed && missing_.empty()) missing_ = name;
  };
#define PLIMSOLL_FIND(name) find(#name, functions_.name, true);
  PLIMSOLL_LLAMA_FUNCTIONS(PLIMSOLL_FIND)
#undef PLIMSOLL_FIND
#define PLIMSOLL_FIND(name) find(#name, functions_.name, false);
  PLIMSOLL_LLAMA_OPTIONS(PLIMSOLL_FIND)
#undef PLIMSOLL_FIND
  if (functions_.llama_version != nullptr) version_ = functions_.llama_version();
  measure(library);
}

void LlamaLibrary::measure(const Library& library) {
  if (void* model_params = function_for(library, "llama_model_default_params"))
    model_params_bytes_ = size_returned(model_params);
  if (void* context_params = function_for(library, "llama_context_default_params"))
    context_params_bytes_ = size_returned(context_params);
  if (void* get_one = function_for(library, "llama_batch_get_one")) {
    llama_token token = 1;
    batch_bytes_ = size_returned(get_one, &token, std::int32_t{1});
    alignas(16) unsigned char place[2048]{};
    (void)reinterpret_cast<void* (*)(void*, llama_token*, std::int32_t)>(get_one)(place, &token, 1);
    const auto& batch = *reinterpret_cast<const llama_batch*>(place);
    if (batch_bytes_ != sizeof(llama_batch) || batch.n_tokens != 1 || batch.token != &token)
      missing_ = "llama_batch of the shape that is known";
  } else {
    missing_ = "llama_batch_get_one";
  }
  layout_is_known_ = version_ == PLIMSOLL_GUARD_LLAMA && context_params_bytes_ == sizeof(llama_context_params);
}

std::size_t LlamaLibrary::stack_bytes(LlamaCall call) const noexcept {
  switch (call) {
    case LlamaCall::model_load_from_file:
    case LlamaCall::model_load_from_splits:
    case LlamaCall::model_load_from_file_ptr:
    case LlamaCall::model_init_from_user:
      return model_params_bytes_;
    case LlamaCall::init_from_model:
      return context_params_bytes_;
    case LlamaCall::decode:
    case LlamaCall::encode:
      return batch_bytes_;
    default:
      return 0;  // what they take has registers
  }
}

std::string LlamaLibrary::why_not_warmed() const {
  return missing_.empty() ? "" : fmt::format("the engine has no {}", missing_);
}

LlamaLibrary* llama_for(const void* code) {
  Llamas& all = llamas();
  const void* place = place_of(code);
  if (LlamaLibrary* known = all.by_place.find(place)) return known;

  void* init = function_for(library_of(code), kMakesContexts);
  if (init == nullptr) {
    if (LlamaLibrary* first = all.all.front().load(std::memory_order_acquire)) return first;
    for (const Library& library : all_libraries()) {
      if ((init = function_for(library, kMakesContexts)) != nullptr) break;
    }
    if (init == nullptr) return nullptr;
    place = nullptr;
  }
  LlamaLibrary* found = known_or_new(all, init);
  if (found == nullptr || place == nullptr) return found;
  const std::lock_guard lock(all.mutex);
  all.by_place.remember(place, found);
  return found;
}

LlamaLibrary* llama_at(const void* init_from_model) { return known_or_new(llamas(), init_from_model); }

void hold_llama_libraries() { llamas().mutex.lock(); }
void let_go_llama_libraries() { llamas().mutex.unlock(); }

LlamaLibrary* llama_of_number(std::uint32_t number) noexcept {
  return number < kMostLibraries ? llamas().all[number].load(std::memory_order_acquire) : nullptr;
}

std::uint32_t number_of(const LlamaLibrary& library) noexcept {
  std::uint32_t number = 0;
  while (number < kMostLibraries && llama_of_number(number) != &library) ++number;
  return number;
}

}  // namespace plimsoll::guard
