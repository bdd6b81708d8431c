// Resident: a loaded model with the conversations that live in its context.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <plimsoll/host/lease.hpp>
#include <plimsoll/run/batched_executor.hpp>
#include <plimsoll/run/instance.hpp>

#include "compute_group.hpp"
#include "swap_space.hpp"

namespace plimsoll::host {

// A model that is ready. Members are destroyed from the last to the first: executor, instance, then the place in the
// compute group.
struct Ready {
  std::unique_ptr<ComputeGroup::Member> member;
  std::unique_ptr<run::Instance> instance;
  std::optional<run::BatchedExecutor> executor{};  // empty: a model for embeddings
  double warm_up_ms = 0;                           // context to ready
};

// Its conversations end before what they live in.
struct Resident : Ready {
  std::string name;
  std::optional<Ready> draft;  // has a sequence for each of the model's

  // Its device, or its draft's, computes no more.
  [[nodiscard]] bool has_failed() const noexcept {
    return instance->has_failed() || (draft && draft->instance->has_failed());
  }
  // False: a file of it was changed while it was mapped.
  [[nodiscard]] bool is_intact() const {
    return instance->model()->is_intact() && (!draft || draft->instance->model()->is_intact());
  }

  // A sequence for a lease: the kept conversation where it is here or swapped out, else an empty one. A conversation
  // that nobody uses makes way where all sequences are taken. Throws what restoring throws; it is still swapped out
  // then.
  [[nodiscard]] run::Conversation acquire_sequence(std::optional<ConversationId> id, SwapSpace& swap_space);
  // Keeps a conversation in the context for its next lease.
  void keep(ConversationId id, run::Conversation conversation);
  // True where it was here.
  bool forget(ConversationId id);
  // Every kept conversation goes to the swap space.
  std::vector<ConversationId> swap_out_all(SwapSpace& swap_space);

 private:
  using IdleConversation = std::pair<ConversationId, run::Conversation>;
  void swap_out(const IdleConversation& kept, SwapSpace& swap_space);
  [[nodiscard]] run::Conversation bring_back(const run::SequenceSnapshot& snapshot);
  std::mutex mutex_;
  std::list<IdleConversation> kept_;  // longest unused first
};

}  // namespace plimsoll::host
