// Resident: a loaded model.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.hpp"
#include "run/batched_executor.hpp"
#include "run/instance.hpp"
#include "run/speculative.hpp"

#include "compute_group.hpp"

namespace plimsoll::host {

// A model that is ready. Members are destroyed from the last to the first: executor, instance, then the place in the
// compute group.
struct Ready {
  std::unique_ptr<ComputeGroup::Member> member;
  std::unique_ptr<run::Instance> instance;
  std::optional<run::BatchedExecutor> executor{};  // empty: a model for embeddings
  double warm_up_ms = 0;                           // context to ready
};

// Leases share it; the Queue keeps it for as long as the model is loaded. Its idle conversations are the
// ConversationStore's, and end before it does.
struct Resident : Ready {
  std::string name;
  std::optional<Ready> draft;  // has a sequence for each of the model's
  run::SpeculationParams speculation{};
  Mutex sequences;  // held by who takes a free sequence of the context, or makes one free for itself

  // Its device, or its draft's, computes no more.
  [[nodiscard]] bool has_failed() const noexcept {
    return instance->has_failed() || (draft && draft->instance->has_failed());
  }
  // False: a file of it was changed while it was mapped.
  [[nodiscard]] bool is_intact() const {
    return instance->model()->is_intact() && (!draft || draft->instance->model()->is_intact());
  }
  [[nodiscard]] std::uint64_t tokens_computed() const noexcept { return instance ? instance->tokens_computed() : 0; }
  [[nodiscard]] std::uint64_t tokens_generated() const noexcept { return instance ? instance->tokens_generated() : 0; }
  [[nodiscard]] std::size_t cells_used() const noexcept { return executor ? executor->cells_used() : 0; }
  [[nodiscard]] memory::SealCounts seal_counts() const {
    return instance ? instance->seal_counts() : memory::SealCounts{};
  }
};

}  // namespace plimsoll::host
