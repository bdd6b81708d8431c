// DryRunObserver: the hook's observer on one thread while the engine simulates a load. It answers allocations without
// memory and records every size that the engine asks for.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "tracker/hook.hpp"
#include "tracker/scope.hpp"

namespace plimsoll::dry_run {

class DryRunObserver final : public hook::Observer {
 public:
  using Sizes = std::map<ggml_backend_buffer_type_t, std::size_t>;

  // What was seen, per buffer type.
  Sizes state;    // recurrent state and other caches that the engine would really have allocated
  Sizes compute;  // the largest of all graphs, as the real allocator ends up with
  Sizes moving;   // the same of those that move the cache's positions, and of what is reserved after them
  Sizes output;   // at context creation: one row for each sequence
  Sizes adapter;
  Sizes control_vector;  // moved here from adapter by who loads it
  Sizes projector;       // weights
  // The largest graph of each of its senses, which have an allocator each.
  std::map<ggml_gallocr_t, Sizes> projector_compute;
  std::int64_t projector_rows = 0;  // vectors that the first graph of the first sense ends in
  // Names of the tensors that were asked for together, per buffer type: weights and caches alike.
  std::map<ggml_backend_buffer_type_t, std::vector<std::set<std::string>>> groups;
  Sizes asked;                // sizes that ggml was asked for, since this was cleared
  std::size_t transient = 0;  // bytes that got past all of this and really were allocated
  // While it is there: graphs that the engine wants to compute are sized and get no place, so that it gives up. Called
  // first, with the batch noted in the context's memory already. Must not throw. The first graph is a decode's, and
  // counts as `compute`; what comes after it is `moving`.
  std::function<void()> instead_of_computing;

  ggml_backend_buffer_t allocate(const hook::Request& request) noexcept override;
  bool allocate_tensors(ggml_context* context, ggml_backend_buffer_type_t type,
                        ggml_backend_buffer_t& result) noexcept override;
  bool reserve_graph(ggml_gallocr_t allocator, ggml_cgraph* graph, const int* node_ids,
                     const int* leaf_ids) noexcept override;
  void tensors_sized(ggml_context* context, ggml_backend_buffer_type_t type, std::size_t bytes) noexcept override;
  bool size_graph(ggml_backend_sched_t sched, ggml_cgraph* graph, std::size_t* bytes) noexcept override;
  bool split_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) noexcept override;
  bool refuse_graph(ggml_backend_sched_t sched, ggml_cgraph* graph) noexcept override;

 private:
  void know_types(ggml_backend_sched_t sched);
  void raise(Sizes& largest) const;

  std::vector<ggml_backend_buffer_type_t> sched_types_;  // buffer type of each backend of the context's scheduler
  std::vector<std::size_t> sizes_;                       // of the graph that was reserved last, one for each backend
  bool has_met_a_decode_ = false;
};

}  // namespace plimsoll::dry_run
