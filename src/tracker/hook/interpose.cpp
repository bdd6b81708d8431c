// The definitions that the dynamic linker finds before ggml's. Each asks the observer, then calls ggml's own.
#include "tracker/hook.hpp"

#include <cstring>
#include <new>

#include "tracker/refusal_throws.hpp"

#include "real.hpp"
#include "state.hpp"

namespace plimsoll::hook {
namespace {

// Where an allocation comes from, told by the function that was entered last on this thread.
thread_local Origin current_origin = Origin::direct;

// How many allocations of this thread are on their way.
thread_local int allocations_open = 0;

thread_local int refusals_throw = 0;

class OriginScope {
 public:
  explicit OriginScope(Origin origin) noexcept : previous_(current_origin) { current_origin = origin; }
  ~OriginScope() { current_origin = previous_; }
  OriginScope(const OriginScope&) = delete;
  OriginScope& operator=(const OriginScope&) = delete;

 private:
  Origin previous_;
};

// The engine asks for this function by name, in one place: before it maps a file. Where it says yes, the file is not
// read ahead (2026-11, llama.cpp 0.7.0).
constexpr const char* kAsksForNodes = "ggml_backend_cpu_is_numa";
bool has_several_nodes() noexcept { return true; }

}  // namespace

RefusalThrows::RefusalThrows() noexcept { ++refusals_throw; }
RefusalThrows::~RefusalThrows() { --refusals_throw; }

}  // namespace plimsoll::hook

using namespace plimsoll::hook;

#define PLIMSOLL_INTERPOSE extern "C" __attribute__((visibility("default"), used))

// What the linker is told to want (--undefined), so that it takes this file from the archive. A name of ggml's would
// not do: where libggml-base comes earlier on the link line, the linker has found that one already and takes nothing
// from us.
PLIMSOLL_INTERPOSE void plimsoll_hook_anchor() {}

PLIMSOLL_INTERPOSE ggml_backend_buffer_t ggml_backend_buft_alloc_buffer(ggml_backend_buffer_type_t type, size_t bytes) {
  if (bytes == 0) return real_functions().alloc_buffer(type, bytes);  // ggml's placeholder, holds nothing
  const CurrentObserver current;
  if (current.get() == nullptr) return real::alloc_buffer(type, bytes);
  const Request request{.type = type, .bytes = bytes, .origin = current_origin, .nested = allocations_open > 0};
  ++allocations_open;
  ggml_backend_buffer_t buffer = current.get()->allocate(request);
  --allocations_open;
  return buffer;
}

PLIMSOLL_INTERPOSE void ggml_backend_buffer_free(ggml_backend_buffer_t buffer) {
  if (buffer != nullptr) {
    if (Uploader* const loading = uploader()) loading->finish_uploads();
    state().frees.fetch_add(1, std::memory_order_relaxed);
    // The process-wide observer charges every buffer, so it hears of frees on every thread; a dry run's own buffers are
    // unknown to it and ignored by it.
    const ProcessObserver process;
    if (process.get() != nullptr && process.get()->take_buffer_back(buffer)) return;
    if (process.get() != nullptr) process.get()->before_free(buffer);
    if (Observer* const watcher = observer(); watcher != nullptr && watcher != process.get())
      watcher->before_free(buffer);
  }
  real_functions().buffer_free(buffer);
}

PLIMSOLL_INTERPOSE bool ggml_gallocr_reserve_n(ggml_gallocr_t allocator, ggml_cgraph* graph, const int* node_ids,
                                               const int* leaf_ids) {
  if (const CurrentObserver current;
      current.get() != nullptr && current.get()->reserve_graph(allocator, graph, node_ids, leaf_ids)) {
    return true;
  }
  const OriginScope scope(Origin::graph);
  return real_functions().gallocr_reserve_n(allocator, graph, node_ids, leaf_ids);
}

PLIMSOLL_INTERPOSE ggml_backend_buffer* ggml_backend_alloc_ctx_tensors_from_buft(ggml_context* context,
                                                                                 ggml_backend_buffer_type_t type) {
  ggml_backend_buffer_t handled = nullptr;
  if (const CurrentObserver current;
      current.get() != nullptr && current.get()->allocate_tensors(context, type, handled)) {
    return handled;
  }
  const OriginScope scope(Origin::tensors);
  ggml_backend_buffer_t placed = real_functions().alloc_tensors(context, type);
  if (placed == nullptr && refusals_throw > 0) throw std::bad_alloc();
  return placed;
}

PLIMSOLL_INTERPOSE size_t ggml_backend_alloc_ctx_tensors_from_buft_size(ggml_context* context,
                                                                        ggml_backend_buffer_type_t type) {
  const size_t bytes = real_functions().alloc_tensors_size(context, type);
  const CurrentObserver current;
  if (current.get() != nullptr) current.get()->tensors_sized(context, type, bytes);
  return bytes;
}

PLIMSOLL_INTERPOSE void ggml_backend_sched_reserve_size(ggml_backend_sched_t sched, ggml_cgraph* graph, size_t* sizes) {
  if (const CurrentObserver current; current.get() != nullptr && current.get()->size_graph(sched, graph, sizes)) return;
  const SplitSilence silence;  // ggml splits the graph on the way; that is not a split without a size
  real_functions().sched_reserve_size(sched, graph, sizes);
}

PLIMSOLL_INTERPOSE void ggml_backend_sched_split_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) {
  if (const CurrentObserver current;
      current.get() != nullptr && !SplitSilence::active() && current.get()->split_graph(sched, graph)) {
    return;
  }
  real_functions().sched_split_graph(sched, graph);
}

PLIMSOLL_INTERPOSE bool ggml_backend_sched_alloc_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) {
  if (const CurrentObserver current; current.get() != nullptr && current.get()->refuse_graph(sched, graph))
    return false;
  return real_functions().sched_alloc_graph(sched, graph);
}

PLIMSOLL_INTERPOSE ggml_backend_buffer_t ggml_backend_dev_buffer_from_host_ptr(ggml_backend_dev_t device, void* pointer,
                                                                               size_t bytes, size_t max_tensor_size) {
  ggml_backend_buffer_t buffer = real_functions().buffer_from_host_ptr(device, pointer, bytes, max_tensor_size);
  if (buffer == nullptr) return nullptr;
  state().allocations.fetch_add(1, std::memory_order_relaxed);
  const CurrentObserver current;
  if (current.get() != nullptr)
    current.get()->after_mapping(
        {.type = ggml_backend_buffer_get_type(buffer), .bytes = bytes, .origin = Origin::mapped}, buffer);
  if (Uploader* const loading = uploader()) loading->stay_mapped(pointer, bytes);
  return buffer;
}

PLIMSOLL_INTERPOSE void ggml_backend_tensor_set(ggml_tensor* tensor, const void* data, size_t offset, size_t size) {
  if (Uploader* const loading = uploader(); loading != nullptr && loading->write(tensor, data, offset, size)) return;
  real_functions().tensor_set(tensor, data, offset, size);
}

PLIMSOLL_INTERPOSE void ggml_backend_tensor_get(const ggml_tensor* tensor, void* data, size_t offset, size_t size) {
  if (Uploader* const loading = uploader()) loading->finish_uploads();
  real_functions().tensor_get(tensor, data, offset, size);
}

PLIMSOLL_INTERPOSE void* ggml_backend_reg_get_proc_address(ggml_backend_reg_t registry, const char* name) {
  if (uploader() != nullptr && std::strcmp(name, kAsksForNodes) == 0)
    return reinterpret_cast<void*>(&has_several_nodes);
  return real_functions().get_proc_address(registry, name);
}
