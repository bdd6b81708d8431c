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

// What a request wants of a kept conversation, beside its beginning.
struct WantedPrompt {
  engine::AdapterScales scales{};         // it was computed with as much of each adapter
  std::optional<std::uint32_t> number{};  // the one that has this number; where none has, it gets it
  // A chat grows at its end: who has something else to say in its middle is somebody else (a title is asked for), and
  // gets a copy of the beginning. Other prompts are edited in place.
  bool is_chat = true;
};

// Tokens are what conversations are found by. Where a picture's vector stands, they are the numbers of a MediaPrompt,
// or -1, which is like nothing.
//
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

  // The idle conversation of the number that is wanted, whatever it holds; else the one that has the longest beginning
  // in common with these tokens and loses little by going on from there; else a new one. A conversation with a number
  // is left to requests for it by all others that do not go on with it.
  class Handle;
  [[nodiscard]] std::unique_ptr<Handle> take(const std::string& model, const std::string& owner,
                                             std::span<const engine::Token> tokens, const WantedPrompt& wanted = {});
  // The idle conversation of that number; where none has it, the one that was used last, or `place` before it. Null:
  // there are not so many.
  [[nodiscard]] std::unique_ptr<Handle> take_recent(const std::string& model, const std::string& owner,
                                                    std::size_t place);
  // One that comes from elsewhere: a conversation of that model that nobody else has.
  [[nodiscard]] std::unique_ptr<Handle> add(const std::string& model, const std::string& owner, host::ConversationId id,
                                            engine::AdapterScales scales = {},
                                            std::optional<std::uint32_t> number = {});
  struct Idle {
    host::ConversationId id;
    std::string model;
    std::string owner;
    std::optional<std::uint32_t> number{};
    std::size_t prompt = 0;  // see Handle::keep()
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
    std::optional<std::uint32_t> number;
    std::vector<engine::Token> tokens;
    std::size_t prompt = 0;  // so many of them were asked last; behind them is what was answered
  };
  using Entries = std::list<Entry>;
  // Of one request: what is to be gone on with, and what is only to be copied.
  struct Found {
    Entries::iterator best;
    std::size_t common = 0;  // with that
    std::optional<host::ConversationId> like{};
    std::size_t alike = 0;  // with that
  };
  [[nodiscard]] Found find(const Entry& fresh, std::span<const engine::Token> tokens, bool is_chat);
  [[nodiscard]] Entries::iterator numbered(const Entry& alike);
  void put_back(Entry kept);
  void drop_all_that(const std::function<bool(const Entry&)>& goes);
  [[nodiscard]] Entry take_out(Entries::iterator kept);  // with the lock held
  void drop(host::ConversationId id) noexcept;
  mutable std::mutex mutex_;
  host::Host& host_;
  std::size_t most_;
  Entries idle_;  // longest unused first
  Bytes held_;    // their tokens
  memory::Charge charge_;
};

// One conversation in use. It outlives the lease that it is used with, and ends with this handle unless keep() was
// called.
class PromptCache::Handle {
 public:
  Handle(PromptCache& all, Entry kept, std::optional<host::ConversationId> like = std::nullopt,
         std::vector<engine::Token> like_tokens = {})
      : all_(all), kept_(std::move(kept)), like_(like), like_tokens_(std::move(like_tokens)) {}
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] host::ConversationId id() const noexcept { return kept_.id; }
  [[nodiscard]] const std::vector<engine::Token>& tokens() const noexcept { return kept_.tokens; }  // when it was taken
  // Of a new one: an idle one that begins alike, and is left for who goes on with it; see host::Lease::resume().
  [[nodiscard]] std::optional<host::ConversationId> like() const noexcept { return like_; }
  [[nodiscard]] const std::vector<engine::Token>& like_tokens() const noexcept { return like_tokens_; }  // of that one
  // Those that the conversation holds now. The first `prompt` of them were asked, the others answered; 0: nobody knows.
  void keep(std::vector<engine::Token> tokens, std::size_t prompt = 0);
  [[nodiscard]] std::size_t prompt() const noexcept { return kept_.prompt; }  // when it was taken

 private:
  PromptCache& all_;
  Entry kept_;
  std::optional<host::ConversationId> like_;
  std::vector<engine::Token> like_tokens_;
  bool keep_ = false;
};

// How many tokens two prompts begin with in common.
[[nodiscard]] std::size_t common_beginning(std::span<const engine::Token> a, std::span<const engine::Token> b) noexcept;

}  // namespace plimsoll::server
