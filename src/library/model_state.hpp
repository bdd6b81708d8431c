// Model::State: one open model with its runtime, from reservation to the end of its last handle.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <plimsoll/model.hpp>
#include "run/batched_executor.hpp"
#include "run/decode_loop.hpp"
#include "run/instance.hpp"
#include "run/speculative.hpp"

#include "opening.hpp"
#include "runtime_state.hpp"

namespace plimsoll {

// Members are destroyed from the last to the first: executors before instances, those before the runtime.
struct Model::State : std::enable_shared_from_this<Model::State> {
  // `planned` keeps what is planned behind the model and its draft.
  State(std::shared_ptr<Runtime::State> of, library::Planned& planned, const ModelOptions& asked);
  // A further context on that one's weights: the model at `index` of the plan.
  State(std::shared_ptr<State> of, library::Planned& planned, std::size_t index, const ContextOptions& asked);

  void load();
  void create_context();
  void warm_up();
  void begin_to_generate();

  // A sequence of the model's context, and of its draft's. Waits as wait_for_sequence() does.
  [[nodiscard]] std::shared_ptr<Conversation::State> take_sequence(const WaitOptions& wait);
  // Calls `take`, which throws Error{busy} where all are taken, until it succeeds. Throws Error: busy when the patience
  // ends, cancelled.
  void wait_for_sequence(const WaitOptions& wait, const std::function<void()>& take);
  // Told by whoever gave one back.
  void sequence_is_free();

  std::shared_ptr<Runtime::State> runtime;
  std::shared_ptr<State> weights;         // whose weights it computes with; null: its own
  std::shared_ptr<run::DecodeLoop> loop;  // of all contexts on the same weights
  ModelOptions options;
  std::unique_ptr<run::Instance> instance;
  std::unique_ptr<run::Instance> draft;
  std::optional<run::BatchedExecutor> executor;        // of a model that generates
  std::optional<run::BatchedExecutor> draft_executor;  // where it has a draft
  std::mutex mutex;                                    // for what one thread may do at a time beside decoding
  std::mutex freed_mutex;  // of what follows; nobody takes another one under it, or waits for the loop
  std::condition_variable_any freed;
  std::uint64_t times_freed = 0;  // sequences

 private:
  void warm_up(run::Instance& one);
};

namespace library {

[[nodiscard]] run::WarmUpDepth depth_of(WarmUp warm_up) noexcept;
// All stages after the reservation.
[[nodiscard]] Model opened(std::shared_ptr<Model::State> reserved);

}  // namespace library
}  // namespace plimsoll
