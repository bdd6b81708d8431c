#include "conversation_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "conversation_move.hpp"
#include "resident.hpp"

namespace plimsoll::host {

ConversationId ConversationStore::create(const std::string& model) {
  const MutexLock lock(mutex_);
  entries_[next_].model = model;
  return next_++;
}

ConversationId ConversationStore::add(const std::string& model, run::SequenceSnapshot saved) {
  const ConversationId id = create(model);
  run::SequenceSnapshot tokens_alone;
  tokens_alone.fingerprint = saved.fingerprint;
  tokens_alone.tokens = saved.tokens;
  tokens_alone.adapter_scales = saved.adapter_scales;
  if (saved.decoded == 0) {
    swap_space_.put_tokens(id, std::move(tokens_alone));
  } else {
    const Bytes memory = saved.size();
    swap_space_.put(id, tokens_alone, memory, [&saved] { return std::move(saved); });
  }
  return id;
}

namespace {

run::SequenceSnapshot tokens_of(const run::Conversation& conversation) {
  run::SequenceSnapshot tokens_alone;
  tokens_alone.fingerprint = conversation.fingerprint();
  tokens_alone.tokens = conversation.tokens();
  tokens_alone.adapter_scales = conversation.adapter_scales();
  return tokens_alone;
}

}  // namespace

std::optional<run::SequenceSnapshot> ConversationStore::save(ConversationId id,
                                                             const std::function<bool(Bytes)>& may_take) {
  std::optional<Move> move;
  std::optional<run::Conversation> idle;
  {
    MutexLock lock(mutex_);
    while (moving_.contains(id)) moved_.wait(lock);
    Entry& entry = entry_of(id);
    if (entry.in_use) throw Error(ErrorCode::busy, fmt::format("conversation {} has a lease", id));
    idle = std::exchange(entry.idle, std::nullopt);
    move.emplace(*this, id, idle ? entry.model : std::string{});  // whoever wants it meanwhile must not find none
  }
  if (!idle) {
    std::optional<SwapSpace::Swapped> swapped_out = swap_space_.take(id);
    if (!swapped_out) return std::nullopt;
    std::optional<run::SequenceSnapshot> copy;
    try {
      copy = swapped_out->snapshot;  // charged as long as the other is
    } catch (...) {
      swap_space_.put_back(id, std::move(*swapped_out));
      throw;
    }
    swap_space_.put_back(id, std::move(*swapped_out));
    return copy;
  }
  try {
    run::SequenceSnapshot copy = may_take(idle->size_when_saved()) ? idle->save() : tokens_of(*idle);
    put_back(id, std::move(*idle));
    return copy;
  } catch (...) {
    put_back(id, std::move(*idle));
    throw;
  }
}

// Before its move ends; one that was ended meanwhile ends here.
void ConversationStore::put_back(ConversationId id, run::Conversation conversation) {
  const MutexLock lock(mutex_);
  if (const auto entry = entries_.find(id); entry != entries_.end()) entry->second.idle = std::move(conversation);
}

ConversationStore::Entry& ConversationStore::entry_of(ConversationId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) throw Error(ErrorCode::usage, fmt::format("there is no conversation {}", id));
  return found->second;
}

void ConversationStore::claim(ConversationId id, const std::string& model) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.model != model)
    throw Error(ErrorCode::usage, fmt::format("'{}' has no conversation {}", model, id));
  if (std::exchange(found->second.in_use, true))
    throw Error(ErrorCode::busy, fmt::format("conversation {} of '{}' has a lease already", id, model));
}

void ConversationStore::unclaim(ConversationId id) noexcept {
  const MutexLock lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end()) found->second.in_use = false;
}

void ConversationStore::end(ConversationId id) {
  std::optional<Move> move;
  std::optional<run::Conversation> idle;  // ends before the move does
  {
    const MutexLock lock(mutex_);
    Entry& entry = entry_of(id);
    if (entry.in_use) throw Error(ErrorCode::busy, fmt::format("conversation {} has a lease", id));
    idle = std::exchange(entry.idle, std::nullopt);
    if (idle) move.emplace(*this, id, entry.model);  // its model waits until it has left the context
    const bool is_on_its_way = !idle && moving_.contains(id);
    entries_.erase(id);
    if (is_on_its_way) return;  // whoever moves it finds that it has ended
  }
  if (!idle) swap_space_.forget(id);
}

bool ConversationStore::is_moving(const std::string& model) const {
  return std::ranges::any_of(moving_, [&](const auto& one) { return one.second == model; });
}

std::optional<ConversationStore::Idle> ConversationStore::take_longest_idle(const std::string& model,
                                                                            std::optional<ConversationId> but_not) {
  auto longest = entries_.end();
  for (auto one = entries_.begin(); one != entries_.end(); ++one) {
    if (one->second.model != model || !one->second.idle || one->first == but_not) continue;
    if (longest == entries_.end() || one->second.idle_since < longest->second.idle_since) longest = one;
  }
  if (longest == entries_.end()) return std::nullopt;
  return Idle{.id = longest->first, .conversation = *std::exchange(longest->second.idle, std::nullopt)};
}

// Where the engine cannot save it, its tokens are enough to begin again. Whatever becomes of it, the others go as well.
void ConversationStore::swap_out(Resident& resident, const Idle& idle, const std::stop_token& stop) noexcept try {
  const auto& [id, conversation] = idle;
  run::SequenceSnapshot tokens_alone = tokens_of(conversation);
  try {
    if (stop.stop_requested()) return swap_space_.put_tokens(id, std::move(tokens_alone));
    const Bytes memory = conversation.size_when_saved();
    if (memory == Bytes{}) return swap_space_.put_tokens(id, std::move(tokens_alone));  // it has gone with its process
    swap_space_.put(id, tokens_alone, memory, [&] { return conversation.save(); });
  } catch (const std::exception& error) {
    log::warn("host", "a conversation of '{}' is swapped out as its tokens alone: {}", resident.name, error.what());
    swap_space_.put_tokens(id, std::move(tokens_alone));
  }
} catch (const std::exception& error) {
  log::error("host", "a conversation of '{}' is lost: {}", resident.name, error.what());
}

// False: no conversation of it is idle, or on its way out.
bool ConversationStore::swap_out_one(Resident& resident, const std::stop_token& stop,
                                     std::optional<ConversationId> but_not) {
  std::optional<Move> move;
  std::optional<Idle> idle;  // ends before the move does: its sequence is free then
  {
    MutexLock lock(mutex_);
    idle = take_longest_idle(resident.name, but_not);
    if (!idle) {
      if (!is_moving(resident.name)) return false;
      moved_.wait(lock);
      return true;
    }
    move.emplace(*this, idle->id, resident.name);
  }
  swap_out(resident, *idle, stop);
  return true;
}

// Whoever moves a conversation may need the loop to save it, so the loop does not wait for the end of a move: it looks
// again after a moment.
constexpr std::chrono::milliseconds kMoment{1};

bool ConversationStore::make_free(Resident& resident) {
  std::optional<Move> move;
  std::optional<Idle> idle;  // ends before the move does
  {
    MutexLock lock(mutex_);
    idle = take_longest_idle(resident.name);
    if (!idle) {
      if (!is_moving(resident.name)) return false;
      moved_.wait_for(lock, kMoment);
      return true;
    }
    move.emplace(*this, idle->id, resident.name);
  }
  swap_out(resident, *idle, {});
  return true;
}

void ConversationStore::swap_out_all(Resident& resident, const std::stop_token& stop) {
  while (swap_out_one(resident, stop)) {
  }
}

namespace {

// Saved by another process, with another kind of cache or another version of the engine.
bool is_of_another_cache(const run::ServedModel& model, const run::SequenceSnapshot& snapshot) {
  const std::string here = model.fingerprint();
  return snapshot.fingerprint != here && run::model_of(snapshot.fingerprint) == run::model_of(here);
}

// A model that was declared otherwise may have a shorter context, or one whose memory is laid out in another way.
void require_it_fits(const Resident& resident, const run::SequenceSnapshot& snapshot, bool is_memory_of_use) {
  const std::uint32_t most = resident.model->context_facts().n_ctx_seq;
  if (snapshot.tokens.size() >= most)
    throw Error(ErrorCode::unsupported,
                fmt::format("a conversation of '{}' has {} tokens, and a sequence holds {} by now: it begins anew",
                            resident.name, snapshot.tokens.size(), most));
  if (!is_memory_of_use && std::ranges::contains(snapshot.tokens, engine::kNoToken))
    throw Error(ErrorCode::unsupported,
                fmt::format("a conversation of '{}' begins anew: the model computes otherwise by now, and pictures "
                            "cannot be decoded again",
                            resident.name));
}

// The memory is not always kept (see SwapSpace), or fits no more; the tokens then wait to be decoded again.
run::Conversation bring_back(run::ServedModel& model, const run::SequenceSnapshot& snapshot, bool is_memory_of_use) {
  if (snapshot.tokens.empty()) return model.create();
  // One of another model is refused there.
  if (snapshot.decoded > 0 && (is_memory_of_use || !is_of_another_cache(model, snapshot))) return model.load(snapshot);
  run::Conversation conversation = model.create();
  if (is_memory_of_use) conversation.set_adapter_scales(snapshot.adapter_scales);  // of the same adapters
  conversation.prompt(snapshot.tokens);
  return conversation;
}

}  // namespace

run::Conversation ConversationStore::acquire(Resident& resident, std::optional<ConversationId> id,
                                             std::optional<ConversationId> like) {
  if (id) {
    MutexLock lock(mutex_);
    while (moving_.contains(*id)) moved_.wait(lock);
    if (auto& idle = entry_of(*id).idle) return *std::exchange(idle, std::nullopt);
  }
  const MutexLock one_after_the_other(resident.sequences);  // a sequence that is made free is for who made it free
  if (like) {
    if (auto copy = copy_of(resident, *like)) return std::move(*copy);
  }
  make_a_sequence_free(resident);
  if (!id) return resident.model->create();
  std::optional<SwapSpace::Swapped> back = swap_space_.take(*id);
  if (!back) return resident.model->create();
  const bool is_memory_of_use = back->snapshot.fingerprint == resident.model->fingerprint();
  require_it_fits(resident, back->snapshot, is_memory_of_use);
  for (;;) {
    try {
      return bring_back(*resident.model, back->snapshot, is_memory_of_use);
    } catch (...) {
      if (fits_better_now(resident, back->snapshot)) continue;
      swap_space_.put_back(*id, std::move(*back));
      throw;
    }
  }
}

// A cache that sequences share may be full of idle conversations; where it is full of others, this one is decoded again
// once they leave it room.
bool ConversationStore::fits_better_now(Resident& resident, run::SequenceSnapshot& snapshot) noexcept {
  try {
    if (!resident.model->context_facts().kv_unified) return false;
    if (swap_out_one(resident, {})) return true;
    return snapshot.is_text() && std::exchange(snapshot.decoded, 0) > 0;
  } catch (const std::exception& error) {
    log::warn("host", "no room is made in the cache of '{}': {}", resident.name, error.what());
    return false;
  }
}

void ConversationStore::make_a_sequence_free(Resident& resident, std::optional<ConversationId> but_not_of) {
  while (resident.model->free_sequences() == 0 && swap_out_one(resident, {}, but_not_of)) {
  }
}

namespace {

// Recurrent memory, and a window that has moved on, cannot be cut back to a beginning.
bool is_of_use_in_part(Resident& resident) {
  const engine::ModelFacts& model = resident.model->model_facts();
  const bool slides = model.n_swa > 0 && !resident.model->context_facts().swa_full;
  return !model.is_recurrent && !model.is_hybrid && !model.has_encoder && !slides;
}

}  // namespace

// Whoever wants the other one waits meanwhile. Before that a sequence is made free: who waits for a move to end must
// not have begun one.
std::optional<run::Conversation> ConversationStore::copy_of(Resident& resident, ConversationId id) {
  if (!is_of_use_in_part(resident)) return std::nullopt;
  make_a_sequence_free(resident, id);
  std::optional<Move> move;
  std::optional<run::Conversation> idle;
  {
    MutexLock lock(mutex_);
    while (moving_.contains(id)) moved_.wait(lock);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.in_use || found->second.model != resident.name) return std::nullopt;
    idle = std::exchange(found->second.idle, std::nullopt);
    move.emplace(*this, id, resident.name);
  }
  if (!idle) return copy_of_swapped(resident, id);
  Idle other{.id = id, .conversation = std::move(*idle)};
  return copy_of_idle(resident, other);
}

// Where there is no sequence for a copy, the other one is swapped out, and what stays in the context is the copy.
std::optional<run::Conversation> ConversationStore::copy_of_idle(Resident& resident, Idle& idle) {
  if (resident.model->free_sequences() == 0) {
    swap_out(resident, idle, {});
    return std::move(idle.conversation);
  }
  try {
    std::optional<run::Conversation> copy = resident.model->create();
    copy->copy_from(idle.conversation);
    put_back(idle.id, std::move(idle.conversation));
    return copy;
  } catch (...) {
    put_back(idle.id, std::move(idle.conversation));
    throw;
  }
}

std::optional<run::Conversation> ConversationStore::copy_of_swapped(Resident& resident, ConversationId id) {
  std::optional<SwapSpace::Swapped> back = swap_space_.take_for_another(id);
  if (!back) return std::nullopt;
  std::optional<run::Conversation> copy;
  try {
    const run::SequenceSnapshot& snapshot = back->snapshot;
    if (snapshot.decoded > 0 && snapshot.fingerprint == resident.model->fingerprint() &&
        resident.model->free_sequences() > 0)
      copy = resident.model->load(snapshot);
  } catch (const std::exception& error) {
    log::debug("host", "a conversation of '{}' is not copied: {}", resident.name, error.what());
  }
  swap_space_.put_back(id, std::move(*back));
  return copy;
}

void ConversationStore::keep(ConversationId id, run::Conversation conversation) {
  const MutexLock lock(mutex_);
  Entry& entry = entry_of(id);
  entry.idle = std::move(conversation);
  entry.idle_since = ++idled_;
}

void ConversationStore::drop_idle() {
  std::vector<run::Conversation> idle;
  const MutexLock lock(mutex_);
  for (auto& [id, entry] : entries_) {
    if (entry.idle) idle.push_back(*std::exchange(entry.idle, std::nullopt));
  }
}

std::vector<ConversationId> ConversationStore::all_of(const std::string& model) const {
  std::vector<ConversationId> ids;
  const MutexLock lock(mutex_);
  for (const auto& [id, entry] : entries_) {
    if (entry.model == model) ids.push_back(id);
  }
  return ids;
}

// Each as a move: what somebody is about to put back would stay as it was.
void ConversationStore::for_each_of(const std::string& model, const std::function<void(ConversationId)>& work) {
  for (const ConversationId id : all_of(model)) {
    std::optional<Move> move;
    {
      MutexLock lock(mutex_);
      while (moving_.contains(id)) moved_.wait(lock);
      if (!entries_.contains(id)) continue;
      move.emplace(*this, id, std::string{});
    }
    work(id);
  }
}

void ConversationStore::forget_states_of(const std::string& model) {
  for_each_of(model, [this](ConversationId id) { swap_space_.forget(id); });
}

void ConversationStore::keep_tokens_of(const std::string& model) {
  for_each_of(model, [this](ConversationId id) { swap_space_.drop_memory(id); });
}

}  // namespace plimsoll::host
