// What a lease holds; giving it up is what ends it.
#pragma once
#include <memory>
#include <optional>

#include "host_impl.hpp"

namespace plimsoll::host {

struct Lease::Held {
  Host::Impl* host = nullptr;  // while there is a lease to give back
  std::shared_ptr<Resident> resident;
  std::optional<ConversationId> kept;
  std::optional<run::Conversation> conversation;
  std::optional<run::Conversation> draft;

  Held() = default;
  ~Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // What lasts goes back to its place, what does not is gone.
  void stand_up();
  void sit_down();
};

}  // namespace plimsoll::host
