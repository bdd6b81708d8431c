// ConversationStore: conversations that outlive their leases. Each is in use by a lease, idle in its model's context,
// or swapped out.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "host/lease.hpp"
#include "run/conversation.hpp"

#include "swap_space.hpp"

namespace plimsoll::host {

struct Resident;

// Any thread. One lock guards which conversation is where; it is not held while the engine saves or restores one, nor
// while files are written. A conversation on its way is waited for by whoever wants it. A model's idle conversations
// live in its context: swap_out_all() before the context goes.
class ConversationStore {
 public:
  ConversationStore(SwapLimits limits, memory::Ledger& ledger) : swap_space_(std::move(limits), ledger) {}

  [[nodiscard]] ConversationId create(const std::string& model);
  [[nodiscard]] ConversationId add(const std::string& model, run::SequenceSnapshot saved);
  // See Host::save_conversation().
  [[nodiscard]] std::optional<run::SequenceSnapshot> save(ConversationId id,
                                                          const std::function<bool(Bytes)>& may_take);
  // Throws Error: usage (there is none), busy (a lease has it).
  void end(ConversationId id);
  // One lease at a time has it. Throws Error: usage (that model has none of this number), busy.
  void claim(ConversationId id, const std::string& model);
  void unclaim(ConversationId id) noexcept;

  // A sequence of the model's context, for a lease: the claimed conversation from where it is, else an empty one. Where
  // all sequences are taken, the longest idle conversation is swapped out. Throws what restoring throws; the
  // conversation is still swapped out then.
  // `like`: for a conversation that is new; it begins as a copy of what that one holds, where it can be had: no lease
  // has it, its memory is there, and a part of it is of use without the rest.
  [[nodiscard]] run::Conversation acquire(Resident& resident, std::optional<ConversationId> id,
                                          std::optional<ConversationId> like = std::nullopt);
  // Leaves it in the context, idle until its next lease.
  void keep(ConversationId id, run::Conversation conversation);
  // Its model goes. Once `stop` is requested, the tokens alone are kept.
  void swap_out_all(Resident& resident, const std::stop_token& stop);
  // The cache that the model's sequences share is full: its longest idle conversation is swapped out. For the decode
  // loop, which must not wait for who waits for it. False: none is idle, or on its way out.
  [[nodiscard]] bool make_free(Resident& resident);
  // Ends every idle conversation where it stands: at the end of the host.
  void drop_idle();
  // What was computed of the model's conversations means nothing any more: they begin anew.
  void forget_states_of(const std::string& model);
  // Its tokens do, and nothing else: they are decoded again. Once the model is not loaded.
  void keep_tokens_of(const std::string& model);

  [[nodiscard]] SwapSpace& swap_space() noexcept { return swap_space_; }
  [[nodiscard]] const SwapSpace& swap_space() const noexcept { return swap_space_; }

 private:
  struct Entry {
    std::string model;
    bool in_use = false;
    std::optional<run::Conversation> idle{};
    std::uint64_t idle_since = 0;  // counted, not timed
  };
  struct Idle {
    ConversationId id;
    run::Conversation conversation;
  };
  class Move;
  [[nodiscard]] std::optional<run::Conversation> copy_of(Resident& resident, ConversationId id);
  [[nodiscard]] std::optional<run::Conversation> copy_of_idle(Resident& resident, Idle& idle);
  [[nodiscard]] std::optional<run::Conversation> copy_of_swapped(Resident& resident, ConversationId id);
  [[nodiscard]] bool fits_better_now(Resident& resident, run::SequenceSnapshot& snapshot) noexcept;
  void make_a_sequence_free(Resident& resident, std::optional<ConversationId> but_not_of = std::nullopt);
  [[nodiscard]] std::vector<ConversationId> all_of(const std::string& model) const;
  void for_each_of(const std::string& model, const std::function<void(ConversationId)>& work) PLIMSOLL_EXCLUDES(mutex_);
  [[nodiscard]] Entry& entry_of(ConversationId id) PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] bool is_moving(const std::string& model) const PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] std::optional<Idle> take_longest_idle(const std::string& model,
                                                      std::optional<ConversationId> but_not = std::nullopt)
      PLIMSOLL_REQUIRES(mutex_);
  [[nodiscard]] bool swap_out_one(Resident& resident, const std::stop_token& stop,
                                  std::optional<ConversationId> but_not = std::nullopt) PLIMSOLL_EXCLUDES(mutex_);
  void swap_out(Resident& resident, const Idle& idle, const std::stop_token& stop) noexcept PLIMSOLL_EXCLUDES(mutex_);
  void put_back(ConversationId id, run::Conversation conversation) PLIMSOLL_EXCLUDES(mutex_);

  SwapSpace swap_space_;  // has a lock of its own
  mutable Mutex mutex_;
  std::condition_variable_any moved_;
  std::map<ConversationId, Entry> entries_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<ConversationId, std::string> moving_ PLIMSOLL_GUARDED_BY(mutex_);  // and its model
  ConversationId next_ PLIMSOLL_GUARDED_BY(mutex_) = 1;
  std::uint64_t idled_ PLIMSOLL_GUARDED_BY(mutex_) = 0;
};

}  // namespace plimsoll::host
