// Conversation::State: a sequence with whatever must live as long as it: its model, or the lease that it belongs to.
#pragma once
#include <atomic>
#include <memory>
#include <optional>

#include <plimsoll/conversation.hpp>
#include "run/generation.hpp"

namespace plimsoll {

struct Conversation::State {
  // A sequence of the model's own, and one of its draft's where it has one. Throws Error{busy}.
  explicit State(Model::State& of);
  // A copy of another one's past, of the same model. Throws Error: busy, unsupported (of a lease).
  State(Model::State& of, run::Conversation taken);
  // A lease's: `keeper` holds them.
  State(std::shared_ptr<const void> keeper, run::Conversation& leased, std::optional<run::Draft> leased_draft);
  ~State();

  std::shared_ptr<const void> owner;  // destroyed last
  std::weak_ptr<Model::State> model;  // empty: a lease's
  std::optional<run::Conversation> own;
  std::optional<run::Conversation> own_draft;
  run::Conversation* conversation;
  std::optional<run::Draft> draft{};     // where the model has one
  std::atomic<bool> generating = false;  // a generation is under way
};

namespace library {

// Whether nothing else is under way there. Throws Error{usage} where something is.
void require_idle(const Conversation::State& state);

}  // namespace library
}  // namespace plimsoll
