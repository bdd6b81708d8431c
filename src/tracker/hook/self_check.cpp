// The self-check: a graph of one addition, reserved and freed by libggml-base itself on the CPU buffer type. If our
// definitions are the ones its calls reach, the counters move.
#include "tracker/hook.hpp"

#include <memory>

namespace plimsoll::hook {
namespace {

// Counts on this thread alone, so that other threads' allocations cannot make a missing hook look present.
class CountingObserver final : public Observer {
 public:
  ggml_backend_buffer_t allocate(const Request& request) noexcept override {
    if (request.origin == Origin::graph) ++graph_allocations;
    return Observer::allocate(request);
  }
  void before_free(ggml_backend_buffer_t) noexcept override { ++frees; }

  int graph_allocations = 0;
  int frees = 0;
};

void reserve_and_free_a_graph() {
  const ggml_init_params params{
      .mem_size = 16 * ggml_tensor_overhead() + ggml_graph_overhead(), .mem_buffer = nullptr, .no_alloc = true};
  const std::unique_ptr<ggml_context, decltype(&ggml_free)> context(ggml_init(params), &ggml_free);
  ggml_tensor* a = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
  ggml_tensor* b = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, 16);
  ggml_set_input(a);
  ggml_set_input(b);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, ggml_add(context.get(), a, b));

  ggml_gallocr_t allocator = ggml_gallocr_new(ggml_backend_cpu_buffer_type());
  ggml_gallocr_reserve(allocator, graph);
  ggml_gallocr_free(allocator);
}

bool check() {
  CountingObserver counting;
  const ThreadObserver on_this_thread(&counting);
  reserve_and_free_a_graph();
  return counting.graph_allocations > 0 && counting.frees > 0;
}

}  // namespace

bool in_the_way() {
  static const bool answer = check();
  return answer;
}

}  // namespace plimsoll::hook
