#include "tracker/hook.hpp"

#include "real.hpp"
#include "state.hpp"

namespace plimsoll::hook {
namespace {

thread_local Observer* thread_observer = nullptr;
thread_local Uploader* thread_uploader = nullptr;

}  // namespace

State& state() noexcept {
  static State the_state;
  return the_state;
}

int& SplitSilence::depth() noexcept {
  thread_local int the_depth = 0;
  return the_depth;
}

bool exchange_observer(Observer* expected, Observer* next) noexcept {
  State& now = state();
  Observer* const replaced = expected;
  if (!now.observer.compare_exchange_strong(expected, next)) return false;
  if (replaced == nullptr) return true;
  for (std::uint32_t inside = now.inside.load(); inside != 0; inside = now.inside.load()) now.inside.wait(inside);
  return true;
}

// Counted before it is read: whoever replaces the observer either sees this call, or is seen by it.
ProcessObserver::ProcessObserver() noexcept {
  state().inside.fetch_add(1);
  observer_ = state().observer.load();
}

ProcessObserver::~ProcessObserver() {
  if (state().inside.fetch_sub(1) == 1) state().inside.notify_all();
}

CurrentObserver::CurrentObserver() noexcept : threads_own_(thread_observer) {
  if (threads_own_ == nullptr) process_.emplace();
}

Observer* CurrentObserver::get() const noexcept { return process_ ? process_->get() : threads_own_; }

ggml_backend_buffer_t Observer::allocate(const Request& request) noexcept {
  return real::alloc_buffer(request.type, request.bytes);
}

ggml_backend_buffer_t refuse() noexcept {
  state().refusals.fetch_add(1, std::memory_order_relaxed);
  return nullptr;
}

Observer* observer() noexcept {
  if (thread_observer != nullptr) return thread_observer;
  return state().observer.load(std::memory_order_acquire);
}

ThreadObserver::ThreadObserver(Observer* observer) noexcept : previous_(thread_observer) { thread_observer = observer; }
ThreadObserver::~ThreadObserver() { thread_observer = previous_; }

ThreadUploader::ThreadUploader(Uploader* uploader) noexcept : previous_(thread_uploader) { thread_uploader = uploader; }
ThreadUploader::~ThreadUploader() { thread_uploader = previous_; }

Uploader* uploader() noexcept { return thread_uploader; }

namespace real {

ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, std::size_t bytes) {
  ggml_backend_buffer_t buffer = real_functions().alloc_buffer(type, bytes);
  if (buffer != nullptr) state().allocations.fetch_add(1, std::memory_order_relaxed);
  return buffer;
}
ggml_backend_buffer_t alloc_tensors(ggml_context* context, ggml_backend_buffer_type_t type) {
  // ggml calls its own allocation through the linker, so the observer would be asked again: it is not, here.
  Observer silent;
  const ThreadObserver quiet(&silent);
  return real_functions().alloc_tensors(context, type);
}
std::size_t alloc_tensors_size(ggml_context* context, ggml_backend_buffer_type_t type) {
  return real_functions().alloc_tensors_size(context, type);
}
void write(ggml_tensor* tensor, const void* data, std::size_t offset, std::size_t bytes) {
  real_functions().tensor_set(tensor, data, offset, bytes);
}
bool sched_reserve(ggml_backend_sched_t sched, ggml_cgraph* graph) {
  const SplitSilence silence;
  return ggml_backend_sched_reserve(sched, graph);
}

}  // namespace real

Counters counters() noexcept {
  const State& now = state();
  return {.allocations = now.allocations.load(std::memory_order_relaxed),
          .refusals = now.refusals.load(std::memory_order_relaxed),
          .frees = now.frees.load(std::memory_order_relaxed)};
}

}  // namespace plimsoll::hook
