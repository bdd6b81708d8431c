// ggml's functions as the dynamic linker finds them: before the engine's own. Each asks the tracker, then the engine
// that the caller would have reached.
#include "ggml_calls.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "tracker/hook.hpp"
#include "tracker/scope.hpp"

#include "engine.hpp"
#include "guarding.hpp"
#include "libraries.hpp"
#include "llama_names.hpp"

namespace plimsoll::hook {

const RealFunctions& real_functions() noexcept { return guard::EngineHere::current().real(); }

// Whether anything arrives is seen when it does.
bool in_the_way() { return counters().allocations > 0; }

}  // namespace plimsoll::hook

namespace plimsoll::guard {
namespace {

thread_local hook::Origin origin = hook::Origin::direct;
thread_local int allocations_open = 0;

class OriginScope {
 public:
  explicit OriginScope(hook::Origin now) noexcept : previous_(std::exchange(origin, now)) {}
  ~OriginScope() { origin = previous_; }
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;

 private:
  hook::Origin previous_;
};

// What is allocated outside of every call that is known is the program's.
class ProgramsScope {
 public:
  ProgramsScope() {
    if (tracker::Scope::current().owner.empty()) scope_.emplace(kProgram, tracker::Phase::none);
  }

 private:
  std::optional<tracker::Scope> scope_;
};

class OpenAllocation {
 public:
  OpenAllocation() noexcept { ++allocations_open; }
  ~OpenAllocation() { --allocations_open; }
  OpenAllocation(const OpenAllocation&) = delete;
  OpenAllocation& operator=(const OpenAllocation&) = delete;
};

Engine& engine_called(std::uint32_t number, const void* caller, const char* name) {
  Engine* engine = number == kOfTheCaller ? engine_for(caller) : engine_of_number(number);
  if (engine != nullptr) return *engine;
  std::fprintf(stderr, "plimsoll guard: the program calls %s, and no loaded library has it\n", name);
  std::abort();
}

ggml_backend_buffer_t alloc_buffer(Engine& engine, ggml_backend_buffer_type_t type, std::size_t bytes) {
  if (bytes == 0 || !engine.is_guarded()) return engine.real().alloc_buffer(type, bytes);
  const EngineHere here(engine);
  const hook::Request request{.type = type, .bytes = bytes, .origin = origin, .nested = allocations_open > 0};
  const OpenAllocation open;
  const ProgramsScope scope;
  return accounts().tracker().allocate(request);
}

void buffer_free(Engine& engine, ggml_backend_buffer_t buffer) {
  if (buffer != nullptr && engine.is_guarded()) {
    const EngineHere here(engine);
    accounts().tracker().before_free(buffer);
  }
  engine.real().buffer_free(buffer);
}

bool gallocr_reserve_n(Engine& engine, ggml_gallocr_t allocator, ggml_cgraph* graph, const int* nodes,
                       const int* leaves) {
  const OriginScope scope(hook::Origin::graph);
  return engine.real().gallocr_reserve_n(allocator, graph, nodes, leaves);
}

ggml_backend_buffer* alloc_tensors(Engine& engine, ggml_context* context, ggml_backend_buffer_type_t type) {
  const OriginScope scope(hook::Origin::tensors);
  return engine.real().alloc_tensors(context, type);
}

ggml_backend_buffer_t buffer_from_host_ptr(Engine& engine, ggml_backend_dev_t device, void* pointer, std::size_t bytes,
                                           std::size_t max_tensor_size) {
  ggml_backend_buffer_t buffer = engine.real().buffer_from_host_ptr(device, pointer, bytes, max_tensor_size);
  if (buffer == nullptr || !engine.is_guarded()) return buffer;
  const EngineHere here(engine);
  const ProgramsScope scope;
  accounts().tracker().after_mapping(
      {.type = engine.ggml().ggml_backend_buffer_get_type(buffer), .bytes = bytes, .origin = hook::Origin::mapped},
      buffer);
  return buffer;
}

// A program that fits its model to what is free is told what is free to it.
void dev_memory(Engine& engine, ggml_backend_dev_t device, std::size_t* free, std::size_t* total) {
  if (!engine.is_guarded() || free == nullptr) return engine.ggml().ggml_backend_dev_memory(device, free, total);
  const EngineHere here(engine);
  const broker::Moment before = accounts().moment();
  engine.ggml().ggml_backend_dev_memory(device, free, total);
  const device::DeviceId name{engine.ggml().ggml_backend_dev_name(device)};
  *free = accounts().left_on(name, Bytes{*free}, before).value();
}

// One of each for every engine that a process may have, for pointers that were handed out.
template <std::uint32_t kNumber>
struct Entries {
  static ggml_backend_buffer_t alloc(ggml_backend_buffer_type_t type, std::size_t bytes) {
    return alloc_buffer(engine_called(kNumber, nullptr, "ggml_backend_buft_alloc_buffer"), type, bytes);
  }
  static void free(ggml_backend_buffer_t buffer) {
    buffer_free(engine_called(kNumber, nullptr, "ggml_backend_buffer_free"), buffer);
  }
  static bool reserve(ggml_gallocr_t allocator, ggml_cgraph* graph, const int* nodes, const int* leaves) {
    return gallocr_reserve_n(engine_called(kNumber, nullptr, "ggml_gallocr_reserve_n"), allocator, graph, nodes,
                             leaves);
  }
  static ggml_backend_buffer* tensors(ggml_context* context, ggml_backend_buffer_type_t type) {
    return alloc_tensors(engine_called(kNumber, nullptr, "ggml_backend_alloc_ctx_tensors_from_buft"), context, type);
  }
  static ggml_backend_buffer_t mapped(ggml_backend_dev_t device, void* pointer, std::size_t bytes, std::size_t most) {
    return buffer_from_host_ptr(engine_called(kNumber, nullptr, "ggml_backend_dev_buffer_from_host_ptr"), device,
                                pointer, bytes, most);
  }
  static void memory(ggml_backend_dev_t device, std::size_t* free, std::size_t* total) {
    dev_memory(engine_called(kNumber, nullptr, "ggml_backend_dev_memory"), device, free, total);
  }
  static const void* find(std::string_view name) noexcept {
    if (name == "ggml_backend_buft_alloc_buffer") return reinterpret_cast<const void*>(&alloc);
    if (name == "ggml_backend_buffer_free") return reinterpret_cast<const void*>(&Entries::free);
    if (name == "ggml_gallocr_reserve_n") return reinterpret_cast<const void*>(&reserve);
    if (name == "ggml_backend_alloc_ctx_tensors_from_buft") return reinterpret_cast<const void*>(&tensors);
    if (name == "ggml_backend_dev_buffer_from_host_ptr") return reinterpret_cast<const void*>(&mapped);
    if (name == "ggml_backend_dev_memory") return reinterpret_cast<const void*>(&memory);
    return nullptr;
  }
};

using Find = const void* (*)(std::string_view) noexcept;
template <std::uint32_t... kNumbers>
constexpr std::array<Find, sizeof...(kNumbers)> finders(std::integer_sequence<std::uint32_t, kNumbers...>) {
  return {&Entries<kNumbers>::find...};
}

}  // namespace

const void* ggml_entry(std::string_view name, std::uint32_t engine) noexcept {
  static constexpr auto kFinders = finders(std::make_integer_sequence<std::uint32_t, kMostLibraries>());
  return engine < kMostLibraries ? kFinders[engine](name) : nullptr;
}

}  // namespace plimsoll::guard

using namespace plimsoll::guard;

#define PLIMSOLL_INTERPOSE extern "C" __attribute__((visibility("default"), used))
#define PLIMSOLL_CALLED(name) engine_called(kOfTheCaller, __builtin_return_address(0), #name)

PLIMSOLL_INTERPOSE ggml_backend_buffer_t ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type_t type, size_t bytes) {
  return alloc_buffer(PLIMSOLL_CALLED(ggml_backend_buft_alloc_buffer), type, bytes);
}
PLIMSOLL_INTERPOSE void ggml_backend_buffer_free(ggml_backend_buffer_t buffer) {
  buffer_free(PLIMSOLL_CALLED(ggml_backend_buffer_free), buffer);
}
PLIMSOLL_INTERPOSE bool ggml_gallocr_reserve_n(ggml_gallocr_t allocator, ggml_cgraph* graph, const int* node_ids,
                                               const int* leaf_ids) {
  return gallocr_reserve_n(PLIMSOLL_CALLED(ggml_gallocr_reserve_n), allocator, graph, node_ids, leaf_ids);
}
PLIMSOLL_INTERPOSE ggml_backend_buffer* ggml_backend_alloc_ctx_tensors_from_buft(ggml_context* context,
                                                                                 ggml_backend_buffer_type_t type) {
  return alloc_tensors(PLIMSOLL_CALLED(ggml_backend_alloc_ctx_tensors_from_buft), context, type);
}
PLIMSOLL_INTERPOSE ggml_backend_buffer_t ggml_backend_dev_buffer_from_host_ptr(ggml_backend_dev_t device, void* pointer,
                                                                               size_t bytes, size_t max_tensor_size) {
  return buffer_from_host_ptr(PLIMSOLL_CALLED(ggml_backend_dev_buffer_from_host_ptr), device, pointer, bytes,
                              max_tensor_size);
}
// The guard's own readings are the device's.
PLIMSOLL_INTERPOSE void ggml_backend_dev_memory(ggml_backend_dev_t device, size_t* free, size_t* total) {
  if (is_ours(__builtin_return_address(0))) {
    EngineHere::current().ggml().ggml_backend_dev_memory(device, free, total);
  } else {
    dev_memory(PLIMSOLL_CALLED(ggml_backend_dev_memory), device, free, total);
  }
}
