#include "engine.hpp"

#include <fmt/format.h>

#include <memory>
#include <mutex>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "guard/engine_versions.hpp"

#include "engine_greeting.hpp"
#include "guarding.hpp"
#include "known_places.hpp"
#include "llama_names.hpp"

namespace plimsoll::guard {
namespace {

constexpr const char* kAllocates = "ggml_backend_buft_alloc_buffer";
constexpr const char* kListsDevices = "ggml_backend_dev_count";

thread_local const Engine* engine_here = nullptr;

template <class Function>
void find(const Library& library, const char* name, Function& out, std::string& missing) {
  if (out != nullptr) return;
  out = reinterpret_cast<Function>(function_for(library, name));
  if (out == nullptr && missing.empty()) missing = name;
}

// Never destroyed: programs free their contexts as late as at exit.
struct Engines {
  std::mutex mutex;  // of adding and remembering; nothing is searched for under it
  std::array<std::atomic<Engine*>, kMostLibraries> all{};
  KnownPlaces<Engine> by_place;
};
Engines& engines() {
  static auto* const the_engines = new Engines;
  return *the_engines;
}

Engine* known_by(const Engines& all, const void* allocator) {
  for (const auto& one : all.all) {
    Engine* engine = one.load(std::memory_order_acquire);
    if (engine != nullptr && reinterpret_cast<const void*>(engine->real().alloc_buffer) == allocator) return engine;
  }
  return nullptr;
}

// A library that calls this allocator; else any that calls one.
Library library_with(const char* name) {
  for (Library& library : all_libraries()) {
    if (function_for(library, name) != nullptr) return std::move(library);
  }
  return {};
}

// Null: there is no more room, or another thread was quicker.
Engine* placed(Engines& all, std::unique_ptr<Engine>& made, const std::string& why_not) {
  const std::lock_guard lock(all.mutex);
  if (known_by(all, reinterpret_cast<const void*>(made->real().alloc_buffer)) != nullptr) return nullptr;
  for (auto& place : all.all) {
    if (place.load(std::memory_order_relaxed) != nullptr) continue;
    note_engine(*made, why_not);
    place.store(made.get(), std::memory_order_release);
    return made.release();
  }
  return nullptr;
}

// Made without the lock: libraries are searched for it, and the dynamic linker has a lock of its own, which a thread
// has that comes here out of a library's constructor.
Engine* add(Engines& all, const Library& library, const void* allocator) {
  auto made = std::make_unique<Engine>(library);
  const std::string why_not = judge(*made);
  Engine* engine = placed(all, made, why_not);
  if (engine == nullptr) return known_by(all, allocator);
  greet(*engine, why_not);
  return engine;
}

}  // namespace

Engine::Engine(const Library& library) {
  find_functions(library);
  // A backend does not know the list of devices: the library that does is another one of the same engine.
  if (ggml_.ggml_backend_dev_count == nullptr) {
    for (const Library& other : all_libraries()) {
      if (function_for(other, kListsDevices) == nullptr) continue;
      if (function_for(other, kAllocates) != reinterpret_cast<const void*>(real_.alloc_buffer)) continue;
      missing_.clear();
      find_functions(other);
      break;
    }
  }
  file_ = library_of(reinterpret_cast<const void*>(real_.alloc_buffer)).file;
  if (void* found = function_for(library_of(reinterpret_cast<const void*>(real_.alloc_buffer)), "ggml_version"))
    version_ = reinterpret_cast<const char* (*)()>(found)();
}

void Engine::find_functions(const Library& library) {
  find(library, kAllocates, real_.alloc_buffer, missing_);
  find(library, "ggml_backend_buffer_free", real_.buffer_free, missing_);
  find(library, "ggml_gallocr_reserve_n", real_.gallocr_reserve_n, missing_);
  find(library, "ggml_backend_alloc_ctx_tensors_from_buft", real_.alloc_tensors, missing_);
  find(library, "ggml_backend_dev_buffer_from_host_ptr", real_.buffer_from_host_ptr, missing_);
#define PLIMSOLL_FIND(name) find(library, #name, ggml_.name, missing_);
  PLIMSOLL_GGML_FUNCTIONS(PLIMSOLL_FIND)
#undef PLIMSOLL_FIND
  abort_ = function_for(library, "ggml_abort");
}

std::string Engine::why_not(bool any) const {
  if (!missing_.empty()) return fmt::format("it has no {}", missing_);
  if (any) return {};
  const auto version = ggml_version_of(version_);
  if (version && is_known(*version)) return {};
  return fmt::format("the guard knows ggml {}", known_versions());
}

Engine* engine_for(const void* code) {
  Engines& all = engines();
  const void* place = place_of(code);
  if (Engine* known = all.by_place.find(place)) return known;

  Library library = library_of(code);
  void* allocator = function_for(library, kAllocates);
  if (allocator == nullptr) {  // made while the program runs, or by a library that has its pointers from elsewhere
    if (Engine* first = all.all.front().load(std::memory_order_acquire)) return first;
    library = library_with(kAllocates);
    allocator = function_for(library, kAllocates);
    if (allocator == nullptr) return nullptr;
    place = nullptr;
  }
  Engine* engine = known_by(all, allocator);
  if (engine == nullptr) engine = add(all, library, allocator);
  if (engine == nullptr || place == nullptr) return engine;
  const std::lock_guard lock(all.mutex);
  all.by_place.remember(place, engine);
  return engine;
}

void hold_engines() { engines().mutex.lock(); }
void let_go_engines() { engines().mutex.unlock(); }

Engine* engine_of_number(std::uint32_t number) noexcept {
  return number < kMostLibraries ? engines().all[number].load(std::memory_order_acquire) : nullptr;
}

std::uint32_t number_of(const Engine& engine) noexcept {
  std::uint32_t number = 0;
  while (number < kMostLibraries && engine_of_number(number) != &engine) ++number;
  return number;
}

EngineHere::EngineHere(const Engine& engine) noexcept : previous_(std::exchange(engine_here, &engine)) {}
EngineHere::~EngineHere() { engine_here = previous_; }

bool EngineHere::is_there() noexcept { return engine_here != nullptr; }

const Engine& EngineHere::current() {
  if (engine_here == nullptr) throw Error(ErrorCode::internal, "the guard called ggml outside of an engine's call");
  return *engine_here;
}

}  // namespace plimsoll::guard
