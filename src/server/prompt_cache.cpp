#include "prompt_cache.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace plimsoll::server {
namespace {

// So few tokens are decoded again in no time.
constexpr std::size_t kNoLoss = 128;

// With which templates open the turn of an answer, and which they write otherwise once it has been given.
constexpr std::size_t kOpening = 16;

// Whether a conversation is cut back to what it has in common with the new prompt. Else it is left for the request that
// continues it, and what they have in common is copied.
bool may_be_cut(std::size_t common, std::size_t all, std::size_t prompt, bool is_chat) {
  const std::size_t lost = all - common;
  if (lost <= kNoLoss) return true;
  // It saves more than it loses, and nobody knows better.
  if (!is_chat || prompt == 0) return lost <= common;
  return common + std::min(kOpening, prompt / 4) >= prompt;  // only what was answered is lost
}

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

PromptCache::Entry PromptCache::take_out(Entries::iterator kept) {
  Entry out = std::move(*kept);
  held_ -= size_of(out.tokens);
  idle_.erase(kept);
  return out;
}

PromptCache::Entries::iterator PromptCache::numbered(const Entry& alike) {
  if (!alike.number) return idle_.end();
  return std::ranges::find_if(idle_, [&](const Entry& kept) {
    return kept.model == alike.model && kept.owner == alike.owner && kept.number == alike.number;
  });
}

PromptCache::Found PromptCache::find(const Entry& fresh, std::span<const engine::Token> tokens, bool is_chat) {
  Found found{.best = idle_.end(), .alike = kNoLoss};
  for (auto kept = idle_.begin(); kept != idle_.end(); ++kept) {
    if (kept->model != fresh.model || kept->owner != fresh.owner || kept->scales != fresh.scales) continue;
    const std::size_t common = common_beginning(kept->tokens, tokens);
    if (common > found.alike) {
      found.like = kept->id;
      found.alike = common;
    }
    const std::size_t all = kept->tokens.size();
    const bool is_anothers = kept->number && (fresh.number || all - common > kNoLoss);
    if (is_anothers || common <= found.common || !may_be_cut(common, all, kept->prompt, is_chat)) continue;
    found.best = kept;
    found.common = common;
  }
  return found;
}

std::unique_ptr<PromptCache::Handle> PromptCache::take(const std::string& model, const std::string& owner,
                                                       std::span<const engine::Token> tokens,
                                                       const WantedPrompt& wanted) {
  Entry fresh{.id = 0, .model = model, .owner = owner, .scales = wanted.scales, .number = wanted.number, .tokens = {}};
  std::optional<host::ConversationId> like;
  std::vector<engine::Token> like_tokens;
  std::optional<host::ConversationId> replaced;
  {
    const std::lock_guard lock(mutex_);
    Found found = find(fresh, tokens, wanted.is_chat);
    const auto own = numbered(fresh);
    if (own != idle_.end() && own->scales == fresh.scales) {
      found.best = own;
      found.common = common_beginning(own->tokens, tokens);
    }
    // To go on with one spares as much as a copy of another that has little more in common.
    if (found.best != idle_.end() && found.alike <= found.common + kNoLoss) {
      Entry kept = take_out(found.best);
      (void)charge_.resize(memory::in_steps(held_));
      if (wanted.number) kept.number = wanted.number;
      return std::make_unique<Handle>(*this, std::move(kept));
    }
    like = found.like;
    if (like) like_tokens = std::ranges::find(idle_, *like, &Entry::id)->tokens;
    if (own != idle_.end()) replaced = take_out(own).id;
  }
  if (replaced) drop(*replaced);
  fresh.id = host_.new_conversation(model);
  return std::make_unique<Handle>(*this, std::move(fresh), like, std::move(like_tokens));
}

std::unique_ptr<PromptCache::Handle> PromptCache::take_recent(const std::string& model, const std::string& owner,
                                                              std::size_t place) {
  const std::lock_guard lock(mutex_);
  auto found = numbered({.id = 0,
                         .model = model,
                         .owner = owner,
                         .scales = {},
                         .number = static_cast<std::uint32_t>(place),
                         .tokens = {}});
  for (auto kept = idle_.end(); found == idle_.end() && kept != idle_.begin();) {
    --kept;
    if (kept->model == model && kept->owner == owner && !kept->number && place-- == 0) found = kept;
  }
  if (found == idle_.end()) return nullptr;
  Entry taken = take_out(found);
  (void)charge_.resize(memory::in_steps(held_));
  return std::make_unique<Handle>(*this, std::move(taken));
}

std::unique_ptr<PromptCache::Handle> PromptCache::add(const std::string& model, const std::string& owner,
                                                      host::ConversationId id, engine::AdapterScales scales,
                                                      std::optional<std::uint32_t> number) {
  return std::make_unique<Handle>(
      *this,
      Entry{.id = id, .model = model, .owner = owner, .scales = std::move(scales), .number = number, .tokens = {}});
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

void PromptCache::Handle::keep(std::vector<engine::Token> tokens, std::size_t prompt) {
  kept_.tokens = std::move(tokens);
  kept_.prompt = std::min(prompt, kept_.tokens.size());
  keep_ = true;
}

// The one that comes back has its number, whoever had it meanwhile, and stays. Those without a number go before those
// that somebody counts on.
void PromptCache::put_back(Entry kept) {
  std::vector<host::ConversationId> surplus;
  {
    const std::lock_guard lock(mutex_);
    if (const auto other = numbered(kept); other != idle_.end()) other->number.reset();
    const std::string model = kept.model;
    const std::string owner = kept.owner;
    const auto alike = [&](const Entry& other) { return other.model == model && other.owner == owner; };
    held_ += size_of(kept.tokens);
    idle_.push_back(std::move(kept));
    const auto others = std::ranges::subrange(idle_.begin(), std::prev(idle_.end()));
    for (auto count = static_cast<std::size_t>(std::ranges::count_if(idle_, alike)); count > most_; --count) {
      auto oldest = std::ranges::find_if(others, [&](const Entry& one) { return alike(one) && !one.number; });
      if (oldest == others.end()) oldest = std::ranges::find_if(idle_, alike);
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
  for (const Entry& kept : idle_) {
    out.push_back(
        {.id = kept.id, .model = kept.model, .owner = kept.owner, .number = kept.number, .prompt = kept.prompt});
  }
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
