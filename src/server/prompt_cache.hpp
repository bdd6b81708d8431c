// PromptCache: conversations that are kept after a request, so that the next request with the same beginning continues
// one of them.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/adapter.hpp"
#include "engine/vocab.hpp"
#include "host/host.hpp"
#include "memory/charge.hpp"

namespace plimsoll::server {

// Each model and owner has at most so many conversations; the longest unused ends first. Where the host's budget has no
// capacity left for their tokens, the longest unused of all ends. The host keeps their memory: in the model's context
// while a sequence is free, then swapped out to host memory, then to disk (host::SwapLimits). An owner never gets what
// another owner's requests have left. Any thread; the host outlives it.
class PromptCache {
 public:
  static constexpr const char* kOwner = "prompts";  // in the ledger: their tokens, by which they are found
  PromptCache(host::Host& host, std::size_t most)
      : host_(host),
        most_(most),
        charge_(host.accounting().ledger(), memory::on_the_heap(kOwner, memory::Stage::conversations)) {}
  ~PromptCache();

  // The idle conversation that has the longest beginning in common with these tokens, where that is most of what it
  // holds, and was computed with as much of each adapter; else a new one.
  class Handle;
  [[nodiscard]] std::unique_ptr<Handle> take(const std::string& model, const std::string& owner,
                                             std::span<const engine::Token> tokens,
                                             const engine::AdapterScales& scales = {});
  // The idle conversation that was used last, or `place` before it; null: there are not so many.
  [[nodiscard]] std::unique_ptr<Handle> take_recent(const std::string& model, const std::string& owner,
                                                    std::size_t place);
  // One that comes from elsewhere: a conversation of that model that nobody else has.
  [[nodiscard]] std::unique_ptr<Handle> add(const std::string& model, const std::string& owner, host::ConversationId id,
                                            engine::AdapterScales scales = {});
  struct Idle {
    host::ConversationId id;
    std::string model;
    std::string owner;
  };
  [[nodiscard]] std::vector<Idle> idle() const;  // longest unused first
  // The longest unused of all ends. False: none is idle.
  bool drop_oldest();
  [[nodiscard]] std::size_t size() const;
  void forget(const std::string& model);  // it has left the host's fleet
  void forget_owner(const std::string& owner);

 private:
  struct Entry {
    host::ConversationId id;
    std::string model;
    std::string owner;
    engine::AdapterScales scales;
    std::vector<engine::Token> tokens;
  };
  void put_back(Entry kept);
  void drop_all_that(const std::function<bool(const Entry&)>& goes);
  [[nodiscard]] Entry take_out(std::list<Entry>::iterator kept);  // with the lock held
  void drop(host::ConversationId id) noexcept;
  mutable std::mutex mutex_;
  host::Host& host_;
  std::size_t most_;
  std::list<Entry> idle_;  // longest unused first
  Bytes held_;             // their tokens
  memory::Charge charge_;
};

// One conversation in use. It outlives the lease that it is used with, and ends with this handle unless keep() was
// called.
class PromptCache::Handle {
 public:
  Handle(PromptCache& all, Entry kept, std::optional<host::ConversationId> like = std::nullopt)
      : all_(all), kept_(std::move(kept)), like_(like) {}
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] host::ConversationId id() const noexcept { return kept_.id; }
  [[nodiscard]] const std::vector<engine::Token>& tokens() const noexcept { return kept_.tokens; }  // when it was taken
  // Of a new one: an idle one that begins alike, and is left for who goes on with it; see host::Lease::resume().
  [[nodiscard]] std::optional<host::ConversationId> like() const noexcept { return like_; }
  void keep(std::vector<engine::Token> tokens);  // those that the conversation holds now

 private:
  PromptCache& all_;
  Entry kept_;
  std::optional<host::ConversationId> like_;
  bool keep_ = false;
};

// How many tokens two prompts begin with in common.
[[nodiscard]] std::size_t common_beginning(std::span<const engine::Token> a, std::span<const engine::Token> b) noexcept;

}  // namespace plimsoll::server
