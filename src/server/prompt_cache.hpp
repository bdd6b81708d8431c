// PromptCache: conversations whose memory is kept after a request, so that the next one that begins alike goes on
// there.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <plimsoll/engine/vocab.hpp>
#include <plimsoll/host/host.hpp>
#include <plimsoll/memory/charge.hpp>

namespace plimsoll::server {

// Bounded: for each model and owner the longest unused goes, and of all where the host's budget has no room for their
// tokens. Their memory is the host's affair: it stays in the model's context while there is room, is swapped out in
// host memory, then on disk (host::SwapLimits). Nobody gets what another owner's requests have left. Any thread; the
// host outlives it.
class PromptCache {
 public:
  static constexpr const char* kOwner = "prompts";  // in the ledger: their tokens, by which they are found
  PromptCache(host::Host& host, std::size_t most)
      : host_(host),
        most_(most),
        charge_(host.accounting().ledger(), memory::on_the_heap(kOwner, memory::Stage::conversations)) {}
  ~PromptCache();

  // The idle conversation that agrees longest with these tokens, where that is most of what it holds; else a new one.
  class Handle;
  [[nodiscard]] std::unique_ptr<Handle> take(const std::string& model, const std::string& owner,
                                             std::span<const engine::Token> tokens);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    host::ConversationId id;
    std::string model;
    std::string owner;
    std::vector<engine::Token> tokens;
  };
  void put_back(Entry kept);
  [[nodiscard]] Entry take_out(std::list<Entry>::iterator kept);  // with the lock held
  void drop(host::ConversationId id) noexcept;
  mutable std::mutex mutex_;
  host::Host& host_;
  std::size_t most_;
  std::list<Entry> idle_;  // longest unused first
  Bytes held_;             // their tokens
  memory::Charge charge_;
};

// One conversation in use. Ends after the lease that it is used with; goes on being kept only where that was said.
class PromptCache::Handle {
 public:
  Handle(PromptCache& all, Entry kept) : all_(all), kept_(std::move(kept)) {}
  ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] host::ConversationId id() const noexcept { return kept_.id; }
  void keep(std::vector<engine::Token> tokens);  // that it holds now

 private:
  PromptCache& all_;
  Entry kept_;
  bool keep_ = false;
};

// How many tokens two prompts begin with in common.
[[nodiscard]] std::size_t common_beginning(std::span<const engine::Token> a, std::span<const engine::Token> b) noexcept;

}  // namespace plimsoll::server
