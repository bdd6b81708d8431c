#include <plimsoll/gauge/hook.hpp>

#include "real.hpp"
#include "state.hpp"

namespace plimsoll::hook {
namespace {

thread_local Observer* thread_observer = nullptr;

}  // namespace

State& state() noexcept {
  static State the_state;
  return the_state;
}

int& SplitSilence::depth() noexcept {
  thread_local int the_depth = 0;
  return the_depth;
}

void set_observer(Observer* observer) noexcept { state().observer.store(observer, std::memory_order_release); }

bool exchange_observer(Observer* expected, Observer* next) noexcept {
  return state().observer.compare_exchange_strong(expected, next, std::memory_order_acq_rel);
}

Observer* observer() noexcept {
  if (thread_observer != nullptr) return thread_observer;
  return state().observer.load(std::memory_order_acquire);
}

ThreadObserver::ThreadObserver(Observer* observer) noexcept : previous_(thread_observer) { thread_observer = observer; }
ThreadObserver::~ThreadObserver() { thread_observer = previous_; }

namespace real {

ggml_backend_buffer_t alloc_buffer(ggml_backend_buffer_type_t type, std::size_t bytes) {
  return real_functions().alloc_buffer(type, bytes);
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
