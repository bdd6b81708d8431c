// ConversationStore::Move: a conversation that is on its way, for the store's own files.
#pragma once
#include <string>

#include "conversation_store.hpp"

namespace plimsoll::host {

// A conversation is on its way, without the lock, until this ends. Made with the lock held, ends without it. What was
// swapped out of one that was ended meanwhile is forgotten. `model`: in whose context a sequence may be free when it
// ends; empty: it is swapped out before and after.
class ConversationStore::Move {
 public:
  Move(ConversationStore& store, ConversationId id, const std::string& model) PLIMSOLL_REQUIRES(store.mutex_)
      : store_(store), id_(id) {
    store.moving_[id] = model;
  }
  ~Move() {
    bool has_ended = false;
    {
      const MutexLock lock(store_.mutex_);
      store_.moving_.erase(id_);
      has_ended = !store_.entries_.contains(id_);
      store_.moved_.notify_all();
    }
    if (has_ended) store_.swap_space_.forget(id_);
  }
  Move(const Move&) = delete;
  Move& operator=(const Move&) = delete;

 private:
  ConversationStore& store_;
  ConversationId id_;
};

}  // namespace plimsoll::host
