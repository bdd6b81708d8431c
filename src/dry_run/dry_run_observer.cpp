#include "dry_run_observer.hpp"

#include <algorithm>

namespace plimsoll::dry_run {
namespace {

// Gives every tensor of a context a buffer that holds nothing, so that the engine finds them placed.
ggml_backend_buffer_t empty_stand_in(ggml_context* context, ggml_backend_buffer_type_t type) {
  ggml_backend_buffer_t buffer = hook::real::alloc_buffer(type, 0);
  if (buffer == nullptr) return nullptr;
  for (ggml_tensor* tensor = ggml_get_first_tensor(context); tensor != nullptr;
       tensor = ggml_get_next_tensor(context, tensor)) {
    if (tensor->buffer == nullptr) tensor->buffer = buffer;
  }
  return buffer;
}

}  // namespace

ggml_backend_buffer_t DryRunObserver::allocate(const hook::Request& request) noexcept {
  if (request.nested) return Observer::allocate(request);  // written down already, by the type that takes it from here
  if (request.origin == hook::Origin::direct && tracker::Scope::current().phase == tracker::Phase::context) {
    output[request.type] += request.bytes;  // one row a sequence: small, so the engine may have it
  }
  transient += request.bytes;
  return Observer::allocate(request);
}

bool DryRunObserver::allocate_tensors(ggml_context* context, ggml_backend_buffer_type_t type,
                                      ggml_backend_buffer_t& result) noexcept {
  const std::size_t bytes = hook::real::alloc_tensors_size(context, type);
  switch (tracker::Scope::current().phase) {
    case tracker::Phase::context:
      state[type] += bytes;
      result = empty_stand_in(context, type);
      return result != nullptr;
    case tracker::Phase::adapter:
      // The engine writes the adapter's numbers into it, so it needs bytes: host bytes, while the dry run lasts.
      adapter[type] += bytes;
      transient += bytes;
      result = hook::real::alloc_tensors(context, ggml_backend_cpu_buffer_type());
      return true;
    case tracker::Phase::projector:
      projector[type] += bytes;
      result = empty_stand_in(context, type);
      return result != nullptr;
    case tracker::Phase::load:
    case tracker::Phase::staging:
    case tracker::Phase::decode:
    case tracker::Phase::none:
      break;
  }
  return false;
}

bool DryRunObserver::reserve_graph(ggml_gallocr_t allocator, ggml_cgraph* graph, const int* node_ids,
                                   const int* leaf_ids) noexcept {
  if (sched_types_.empty()) return false;
  sizes_.assign(sched_types_.size(), 0);
  ggml_gallocr_reserve_n_size(allocator, graph, node_ids, leaf_ids, sizes_.data());
  if (tracker::Scope::current().phase == tracker::Phase::projector) {
    if (projector_compute.empty()) projector_rows = ggml_graph_node(graph, -1)->ne[1];
    raise(projector_compute[allocator]);
  } else {
    raise(has_met_a_decode_ ? moving : compute);
  }
  return true;
}

void DryRunObserver::tensors_sized(ggml_context* context, ggml_backend_buffer_type_t type, std::size_t bytes) noexcept {
  asked[type] += bytes;
  std::set<std::string> names;
  for (ggml_tensor* tensor = ggml_get_first_tensor(context); tensor != nullptr;
       tensor = ggml_get_next_tensor(context, tensor)) {
    names.insert(ggml_get_name(tensor));
  }
  groups[type].push_back(std::move(names));
}

// Asked for a size, ggml forgets first which operations the engine had placed on which backend, and a real load does
// not (seen with grok and hrm_text, half the layers on a device and the cache on the host: plan 1.57 MB, taken 1.44).
// So the graph takes the real path here too, which ends in reserve_graph() above.
bool DryRunObserver::size_graph(ggml_backend_sched_t sched, ggml_cgraph* graph, std::size_t* bytes) noexcept {
  know_types(sched);
  if (!hook::real::sched_reserve(sched, graph)) return false;
  std::ranges::copy(sizes_, bytes);
  return true;
}

// A real load reserves three graphs; a simulated one sizes the first and only splits the others, one of which can be
// larger (minimax-01 with several sequences). Here they take the real path, which splits once and ends in
// reserve_graph(). (Splitting once more to ask for a size is not the same: a split changes the graph.) What is split
// before the first graph is sized are the engine's probes for fused operations: nothing is reserved for them.
bool DryRunObserver::split_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) noexcept {
  if (tracker::Scope::current().phase == tracker::Phase::projector) {  // on its way to reserve_graph() already
    know_types(sched);
    return false;
  }
  return !sched_types_.empty() && hook::real::sched_reserve(sched, graph);
}

bool DryRunObserver::refuse_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) noexcept {
  if (!instead_of_computing) return false;
  instead_of_computing();
  know_types(sched);
  (void)hook::real::sched_reserve(sched, graph);
  has_met_a_decode_ = true;
  return true;
}

// The allocator keeps a buffer while it is large enough and replaces it where a later graph needs more: the largest
// stays.
void DryRunObserver::raise(Sizes& largest) const {
  Sizes together;  // backends that share a buffer type share the buffer
  for (std::size_t i = 0; i < sched_types_.size(); ++i) {
    together[sched_types_[i]] = std::max(together[sched_types_[i]], sizes_[i]);
  }
  for (const auto& [type, bytes] : together) largest[type] = std::max(largest[type], bytes);
}

void DryRunObserver::know_types(ggml_backend_sched_t sched) {
  sched_types_.clear();
  for (int i = 0; i < ggml_backend_sched_get_n_backends(sched); ++i) {
    sched_types_.push_back(ggml_backend_sched_get_buffer_type(sched, ggml_backend_sched_get_backend(sched, i)));
  }
}

}  // namespace plimsoll::dry_run
