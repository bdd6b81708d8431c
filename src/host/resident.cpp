#include "resident.hpp"

#include <algorithm>

#include <plimsoll/base/log.hpp>

namespace plimsoll::host {

// Where the engine cannot save it, its tokens are enough to begin again.
void Resident::park(const Kept& kept, SharedParking& parked) {
  const auto& [id, conversation] = kept;
  run::SequenceSnapshot snapshot;
  try {
    snapshot = conversation.save();
  } catch (const std::exception& error) {
    log::warn("host", "a conversation of '{}' is parked as its tokens alone: {}", name, error.what());
    snapshot.fingerprint = run::fingerprint_of(instance->context());
    snapshot.tokens = conversation.tokens();
  }
  const std::lock_guard lock(parked.mutex);
  parked.parking.put(id, std::move(snapshot));
}

// The memory is not always kept (see Parking); the tokens then wait to be decoded again.
run::Conversation Resident::bring_back(run::SequenceSnapshot snapshot) {
  if (snapshot.decoded > 0 || snapshot.tokens.empty()) return executor->load(snapshot);
  run::Conversation conversation = executor->create();
  conversation.prompt(snapshot.tokens);
  return conversation;
}

run::Conversation Resident::sit_down(std::optional<ConversationId> id, SharedParking& parked) {
  const std::lock_guard lock(mutex_);
  if (id) {
    const auto here = std::ranges::find(kept_, *id, &Kept::first);
    if (here != kept_.end()) {
      run::Conversation conversation = std::move(here->second);
      kept_.erase(here);
      return conversation;
    }
  }
  while (executor->free_sequences() == 0 && !kept_.empty()) {
    park(kept_.front(), parked);
    kept_.pop_front();
  }
  if (!id) return executor->create();
  std::optional<run::SequenceSnapshot> snapshot;
  {
    const std::lock_guard parking_lock(parked.mutex);
    snapshot = parked.parking.take(*id);
  }
  if (!snapshot) return executor->create();
  try {
    return bring_back(*snapshot);
  } catch (...) {
    const std::lock_guard parking_lock(parked.mutex);
    parked.parking.put(*id, std::move(*snapshot));
    throw;
  }
}

void Resident::keep(ConversationId id, run::Conversation conversation) {
  const std::lock_guard lock(mutex_);
  kept_.emplace_back(id, std::move(conversation));
}

bool Resident::forget(ConversationId id) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(kept_, [&](const Kept& kept) { return kept.first == id; }) > 0;
}

std::vector<ConversationId> Resident::park_all(SharedParking& parked) {
  std::vector<ConversationId> ids;
  const std::lock_guard lock(mutex_);
  for (const Kept& kept : kept_) {
    park(kept, parked);
    ids.push_back(kept.first);
  }
  kept_.clear();
  return ids;
}

}  // namespace plimsoll::host
