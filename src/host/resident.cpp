#include "resident.hpp"

#include <algorithm>

#include <plimsoll/base/log.hpp>

namespace plimsoll::host {

// Where the engine cannot save it, its tokens are enough to begin again.
void Resident::swap_out(const IdleConversation& kept, SwapSpace& swap_space) {
  const auto& [id, conversation] = kept;
  run::SequenceSnapshot tokens_alone;
  tokens_alone.fingerprint = run::fingerprint_of(instance->context());
  tokens_alone.tokens = conversation.tokens();
  try {
    swap_space.put(id, tokens_alone, conversation.size_when_saved(), [&] { return conversation.save(); });
  } catch (const std::exception& error) {
    log::warn("host", "a conversation of '{}' is swapped out as its tokens alone: {}", name, error.what());
    swap_space.put_tokens(id, std::move(tokens_alone));
  }
}

// The memory is not always kept (see SwapSpace); the tokens then wait to be decoded again.
run::Conversation Resident::bring_back(const run::SequenceSnapshot& snapshot) {
  if (snapshot.decoded > 0 || snapshot.tokens.empty()) return executor->load(snapshot);
  run::Conversation conversation = executor->create();
  conversation.prompt(snapshot.tokens);
  return conversation;
}

run::Conversation Resident::acquire_sequence(std::optional<ConversationId> id, SwapSpace& swap_space) {
  const std::lock_guard lock(mutex_);
  if (id) {
    const auto here = std::ranges::find(kept_, *id, &IdleConversation::first);
    if (here != kept_.end()) {
      run::Conversation conversation = std::move(here->second);
      kept_.erase(here);
      return conversation;
    }
  }
  while (executor->free_sequences() == 0 && !kept_.empty()) {
    swap_out(kept_.front(), swap_space);
    kept_.pop_front();
  }
  if (!id) return executor->create();
  std::optional<SwapSpace::Swapped> back = swap_space.take(*id);
  if (!back) return executor->create();
  try {
    return bring_back(back->snapshot);
  } catch (...) {
    swap_space.put_back(*id, std::move(*back));
    throw;
  }
}

void Resident::keep(ConversationId id, run::Conversation conversation) {
  const std::lock_guard lock(mutex_);
  kept_.emplace_back(id, std::move(conversation));
}

bool Resident::forget(ConversationId id) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(kept_, [&](const IdleConversation& kept) { return kept.first == id; }) > 0;
}

std::vector<ConversationId> Resident::swap_out_all(SwapSpace& swap_space) {
  std::vector<ConversationId> ids;
  const std::lock_guard lock(mutex_);
  for (const IdleConversation& kept : kept_) {
    swap_out(kept, swap_space);
    ids.push_back(kept.first);
  }
  kept_.clear();
  return ids;
}

}  // namespace plimsoll::host
