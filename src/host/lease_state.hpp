// What a lease holds; giving it up is what ends it.
#pragma once
#include <memory>
#include <optional>

#include "host_impl.hpp"

namespace plimsoll::host {

struct Lease::State {
  Host::Impl* host = nullptr;  // while there is a lease to give back
  TicketId number = 0;
  std::optional<double> took;  // tokens
  std::shared_ptr<Resident> resident;
  std::optional<ConversationId> kept;
  std::optional<run::Conversation> conversation;
  std::optional<run::Conversation> draft;

  State() = default;
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // What lasts goes back to its place, what does not is gone.
  void release_sequence();
  void acquire_sequence(std::optional<ConversationId> like = std::nullopt);
};

}  // namespace plimsoll::host
