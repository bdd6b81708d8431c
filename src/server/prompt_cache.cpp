#include "prompt_cache.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace plimsoll::server {
namespace {

// A conversation is cut back to what it has in common with the new prompt. Where that loses more tokens than it saves,
// the conversation is left for the request that continues it, and what they have in common is copied. So few tokens are
// decoded again in no time.
constexpr std::size_t kNoLoss = 128;

bool is_worth_it(std::size_t common, std::size_t all) { return all - common <= std::max(common, kNoLoss); }

}  // namespace

std::size_t common_beginning(std::span<const engine::Token> a, std::span<const engine::Token> b) noexcept {
  const auto [in_a, in_b] = std::ranges::mismatch(a, b);
  return static_cast<std::size_t>(in_a - a.begin());
}

PromptCache::~PromptCache() {
  for (const Entry& kept : idle_) drop(kept.id);
}

namespace {

Bytes size_of(const std::vector<engine::Token>& tokens) { return Bytes{tokens.size() * sizeof(engine::Token)}; }

}  // namespace

PromptCache::Entry PromptCache::take_out(std::list<Entry>::iterator kept) {
  Entry out = std::move(*kept);
  held_ -= size_of(out.tokens);
  idle_.erase(kept);
  return out;
}

std::unique_ptr<PromptCache::Handle> PromptCache::take(const std::string& model, const std::string& owner,
                                                       std::span<const engine::Token> tokens,
                                                       const engine::AdapterScales& scales) {
  Entry fresh{.id = 0, .model = model, .owner = owner, .scales = scales, .tokens = {}};
  std::optional<host::ConversationId> like;
  {
    const std::lock_guard lock(mutex_);
    auto best = idle_.end();
    std::size_t most_common = 0;
    std::size_t most_alike = kNoLoss;
    for (auto kept = idle_.begin(); kept != idle_.end(); ++kept) {
      if (kept->model != model || kept->owner != owner || kept->scales != scales) continue;
      const std::size_t common = common_beginning(kept->tokens, tokens);
      if (common > most_alike) {
        like = kept->id;
        most_alike = common;
      }
      if (common <= most_common || !is_worth_it(common, kept->tokens.size())) continue;
      best = kept;
      most_common = common;
    }
    // To go on with one spares as much as a copy of another that has little more in common.
    if (best != idle_.end() && most_alike <= most_common + kNoLoss) {
      Entry kept = take_out(best);
      (void)charge_.resize(memory::in_steps(held_));
      return std::make_unique<Handle>(*this, std::move(kept));
    }
  }
  fresh.id = host_.new_conversation(model);
  return std::make_unique<Handle>(*this, std::move(fresh), like);
}

std::unique_ptr<PromptCache::Handle> PromptCache::take_recent(const std::string& model, const std::string& owner,
                                                              std::size_t place) {
  const std::lock_guard lock(mutex_);
  for (auto kept = idle_.end(); kept != idle_.begin();) {
    --kept;
    if (kept->model != model || kept->owner != owner || place-- > 0) continue;
    Entry taken = take_out(kept);
    (void)charge_.resize(memory::in_steps(held_));
    return std::make_unique<Handle>(*this, std::move(taken));
  }
  return nullptr;
}

std::unique_ptr<PromptCache::Handle> PromptCache::add(const std::string& model, const std::string& owner,
                                                      host::ConversationId id, engine::AdapterScales scales) {
  return std::make_unique<Handle>(
      *this, Entry{.id = id, .model = model, .owner = owner, .scales = std::move(scales), .tokens = {}});
}

PromptCache::Handle::~Handle() {
  const host::ConversationId id = kept_.id;
  try {
    if (keep_) {
      all_.put_back(std::move(kept_));
      return;
    }
  } catch (const std::exception& error) {
    log::warn("server", "a prompt is not kept: {}", error.what());
  }
  all_.drop(id);
}

void PromptCache::Handle::keep(std::vector<engine::Token> tokens) {
  kept_.tokens = std::move(tokens);
  keep_ = true;
}

void PromptCache::put_back(Entry kept) {
  std::vector<host::ConversationId> surplus;
  {
    const std::lock_guard lock(mutex_);
    const std::string model = kept.model;
    const std::string owner = kept.owner;
    const auto alike = [&](const Entry& other) { return other.model == model && other.owner == owner; };
    held_ += size_of(kept.tokens);
    idle_.push_back(std::move(kept));
    for (auto count = static_cast<std::size_t>(std::ranges::count_if(idle_, alike)); count > most_; --count) {
      const auto oldest = std::ranges::find_if(idle_, alike);
      surplus.push_back(take_out(oldest).id);
    }
    while (!charge_.resize(memory::in_steps(held_))) surplus.push_back(take_out(idle_.begin()).id);
  }
  for (const host::ConversationId gone : surplus) drop(gone);
}

bool PromptCache::drop_oldest() {
  std::optional<Entry> oldest;
  {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return false;
    oldest = take_out(idle_.begin());
    (void)charge_.resize(memory::in_steps(held_));
  }
  drop(oldest->id);
  return true;
}

void PromptCache::drop(host::ConversationId id) noexcept {
  try {
    host_.end_conversation(id);
  } catch (const std::exception& error) {
    log::debug("server", "a conversation could not be ended: {}", error.what());
  }
}

std::vector<PromptCache::Idle> PromptCache::idle() const {
  std::vector<Idle> out;
  const std::lock_guard lock(mutex_);
  for (const Entry& kept : idle_) out.push_back({.id = kept.id, .model = kept.model, .owner = kept.owner});
  return out;
}

void PromptCache::forget(const std::string& model) {
  drop_all_that([&](const Entry& kept) { return kept.model == model; });
}

void PromptCache::forget_owner(const std::string& owner) {
  drop_all_that([&](const Entry& kept) { return kept.owner == owner; });
}

void PromptCache::drop_all_that(const std::function<bool(const Entry&)>& goes) {
  std::vector<host::ConversationId> gone;
  {
    const std::lock_guard lock(mutex_);
    for (auto kept = idle_.begin(); kept != idle_.end();) {
      const auto next = std::next(kept);
      if (goes(*kept)) gone.push_back(take_out(kept).id);
      kept = next;
    }
    (void)charge_.resize(memory::in_steps(held_));
  }
  for (const host::ConversationId id : gone) drop(id);
}

std::size_t PromptCache::size() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

}  // namespace plimsoll::server
