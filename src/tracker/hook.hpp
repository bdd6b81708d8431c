// hook: stands between the engine and ggml's allocator. Needs ggml's headers and nothing else of this project, so that
// it can be linked alone (and, later, preloaded into programs that are not ours).
//
// How: libllama and libggml-base call ggml's public functions through the dynamic linker, so a definition of ours that
// comes first in symbol order is called instead (src/tracker/hook/interpose.cpp). Each of ours asks the observer, then
// calls ggml's.
#pragma once
#include <ggml-alloc.h>
#include <ggml-backend.h>

#include <cstddef>
#include <cstdint>

namespace plimsoll::hook {

// Which of ggml's functions an allocation came through.
enum class Origin {
  tensors,  // ggml_backend_alloc_ctx_tensors_from_buft: weights, KV cache, adapters
  graph,    // inside ggml_gallocr_reserve_n: compute buffers
  direct,   // ggml_backend_buft_alloc_buffer called outright: output buffers, upload staging
  mapped,   // ggml_backend_dev_buffer_from_host_ptr: weights that stay in the mapped file
};

struct Request {
  ggml_backend_buffer_type_t type = nullptr;  // for mapped: filled in once the buffer exists
  std::size_t bytes = 0;                      // as asked; what ggml reports later may be padded
  Origin origin = Origin::direct;
  bool nested = false;  // asked by a buffer type that takes its bytes from this one, from inside real::alloc_buffer()
};

// Asked and told of everything, on the thread that allocates. Must not throw. Zero-byte requests are not reported.
//
// Requests nest: some buffer types take their bytes from another type (CPU_REPACK from CPU, pinned host memory that
// cannot be had from CPU), so ggml asks again from inside real::alloc_buffer().
class Observer {
 public:
  virtual ~Observer() = default;

  // A buffer is wanted. Answers with real::alloc_buffer(), with a buffer that it lends, or with refuse(); null from
  // real::alloc_buffer() means that the device said no.
  virtual ggml_backend_buffer_t allocate(const Request& request) noexcept;
  // Weights that stay in a mapped file now are a buffer. They take no memory, so they are told and not asked for.
  virtual void after_mapping(const Request&, ggml_backend_buffer_t) noexcept {}
  // The process's observer hears of every free, also on threads that have an observer of their own.
  virtual void before_free(ggml_backend_buffer_t) noexcept {}
  // Asked before before_free, of the process's observer only. True: the buffer was lent and lives on.
  virtual bool take_buffer_back(ggml_backend_buffer_t) noexcept { return false; }

  // For dry runs. True: handled, `result` is the answer, ggml is not asked.
  virtual bool allocate_tensors(ggml_context*, ggml_backend_buffer_type_t, ggml_backend_buffer_t& /*result*/) noexcept {
    return false;
  }
  virtual bool reserve_graph(ggml_gallocr_t, ggml_cgraph*, const int* /*node_ids*/, const int* /*leaf_ids*/) noexcept {
    return false;
  }
  // A graph's sizes are asked for, one per backend of the scheduler. True: handled, `bytes` filled in, the graph split.
  virtual bool size_graph(ggml_backend_sched_t, ggml_cgraph*, std::size_t* /*bytes*/) noexcept { return false; }
  // A graph is to be split between backends, but not sized. True: handled, with the graph split.
  virtual bool split_graph(ggml_backend_sched_t, ggml_cgraph*) noexcept { return false; }
  // A graph is to be given its place, and then computed. True: handled; it has got none.
  virtual bool refuse_graph(ggml_backend_sched_t, ggml_cgraph*) noexcept { return false; }
  // A size that the engine asked ggml for.
  virtual void tensors_sized(ggml_context*, ggml_backend_buffer_type_t, std::size_t /*bytes*/) noexcept {}
};

// Puts `next` in the place of `expected` as the process's observer (null: none), and then waits until every thread has
// left `expected`, so that it may be destroyed. False, and nothing changed, where another one is in place. Not from
// inside a call of that observer.
[[nodiscard]] bool exchange_observer(Observer* expected, Observer* next) noexcept;
// Who is asked on this thread: its own observer where it has one, else the process's.
[[nodiscard]] Observer* observer() noexcept;

// Puts another observer in place for this thread while it lives (a dry run beside running models). Nests.
class ThreadObserver {
 public:
  explicit ThreadObserver(Observer* observer) noexcept;
  ~ThreadObserver();
  ThreadObserver(const ThreadObserver&) = delete;
  ThreadObserver& operator=(const ThreadObserver&) = delete;

 private:
  Observer* previous_;
};

// Stands in for the engine's own copies while a thread loads weights. Called on that thread, from inside the engine:
// must not throw.
class Uploader {
 public:
  virtual ~Uploader() = default;
  // Bytes are to be written to a tensor. True: they are there when finish_uploads() has returned, and ggml is not
  // asked. `data` is not read any more once this has returned.
  virtual bool write(ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t bytes) noexcept = 0;
  // These weights stay where they are, in the mapped file.
  virtual void stay_mapped(void* begin, std::size_t bytes) noexcept = 0;
  // Waits until nothing is on its way to a tensor: a buffer is about to be freed, or a tensor read.
  virtual void finish_uploads() noexcept = 0;
};

// Puts it in place for this thread while it lives. Meanwhile the engine maps files without reading them: it is told
// that this machine has several memory nodes, where reading ahead would put everything on one of them.
class ThreadUploader {
 public:
  explicit ThreadUploader(Uploader* uploader) noexcept;
  ~ThreadUploader();
  ThreadUploader(const ThreadUploader&) = delete;
  ThreadUploader& operator=(const ThreadUploader&) = delete;

 private:
  Uploader* previous_;
};
// This thread's; null: none.
[[nodiscard]] Uploader* uploader() noexcept;

// The answer "no" of Observer::allocate(): null, and counted.
[[nodiscard]] ggml_backend_buffer_t refuse() noexcept;

// Calls ggml's own functions, past the hook, for observers that need an answer themselves.
namespace real {
// Null: the device has no such memory. A buffer is counted.
ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, std::size_t bytes);
ggml_backend_buffer_t alloc_tensors(ggml_context* context, ggml_backend_buffer_type_t type);
std::size_t alloc_tensors_size(ggml_context* context, ggml_backend_buffer_type_t type);
// Any thread; throws what the backend throws.
void write(ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t bytes);
// Splits the graph and reserves its buffers; the observer's reserve_graph is asked, its split_graph is not.
bool sched_reserve(ggml_backend_sched_t sched, ggml_cgraph* graph);
}  // namespace real

// Calls that came through since the process started. Relaxed: for reports and the self-check.
struct Counters {
  std::uint64_t allocations = 0;
  std::uint64_t refusals = 0;
  std::uint64_t frees = 0;
};
[[nodiscard]] Counters counters() noexcept;

// Proves that the hook is in the way: makes libggml-base reserve and free a tiny graph on the CPU buffer type and
// counts the calls that arrive here. Run once, remembered. Any thread.
[[nodiscard]] bool in_the_way();

}  // namespace plimsoll::hook
