// ggml_doors: the ways into ggml's allocator, as the engine uses them, on the CPU buffer type.
#pragma once
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <cstdlib>
#include <memory>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::tracker {

struct FreeBuffer {
  void operator()(ggml_backend_buffer_t buffer) const noexcept { ggml_backend_buffer_free(buffer); }
};
using Buffer = std::unique_ptr<ggml_backend_buffer, FreeBuffer>;

[[nodiscard]] inline Buffer allocate(std::size_t bytes) {
  return Buffer(ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), bytes));
}

struct FreeMemory {
  void operator()(void* memory) const noexcept { std::free(memory); }
};
[[nodiscard]] inline std::unique_ptr<void, FreeMemory> page_aligned(std::size_t bytes) {
  return std::unique_ptr<void, FreeMemory>(std::aligned_alloc(4096, bytes));
}

struct FreeContext {
  void operator()(ggml_context* context) const noexcept { ggml_free(context); }
};
using ContextPointer = std::unique_ptr<ggml_context, FreeContext>;
[[nodiscard]] inline ContextPointer new_context() {
  return ContextPointer(ggml_init({.mem_size = std::size_t{1} << 20, .mem_buffer = nullptr, .no_alloc = true}));
}

// A group of tensors without a buffer yet: how weights and caches are allocated. May be allocated again and again.
class TensorContext {
 public:
  explicit TensorContext(std::int64_t floats) : floats_(floats), size_(size_of(floats)) {}
  [[nodiscard]] Bytes bytes() const { return size_; }
  [[nodiscard]] Buffer allocate() const {
    const ContextPointer context = with_tensor(floats_);
    return Buffer(ggml_backend_alloc_ctx_tensors_from_buft(context.get(), ggml_backend_cpu_buffer_type()));
  }

 private:
  static ContextPointer with_tensor(std::int64_t floats) {
    ContextPointer context = new_context();
    ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, floats);
    return context;
  }
  static Bytes size_of(std::int64_t floats) {
    return Bytes{
        ggml_backend_alloc_ctx_tensors_from_buft_size(with_tensor(floats).get(), ggml_backend_cpu_buffer_type())};
  }
  std::int64_t floats_;
  Bytes size_;
};

// A graph of one addition and its allocator: how compute buffers are allocated.
class Graph {
 public:
  Graph() : context_(new_context()), allocator_(ggml_gallocr_new(ggml_backend_cpu_buffer_type())) {
    ggml_tensor* a = ggml_new_tensor_1d(context_.get(), GGML_TYPE_F32, 16);
    ggml_set_input(a);
    graph_ = ggml_new_graph(context_.get());
    ggml_build_forward_expand(graph_, ggml_add(context_.get(), a, a));
  }
  ~Graph() { ggml_gallocr_free(allocator_); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  [[nodiscard]] bool reserve() { return ggml_gallocr_reserve(allocator_, graph_); }
  [[nodiscard]] bool allocate() { return ggml_gallocr_alloc_graph(allocator_, graph_); }

 private:
  ContextPointer context_;
  ggml_gallocr_t allocator_;
  ggml_cgraph* graph_ = nullptr;
};

}  // namespace plimsoll::tracker
