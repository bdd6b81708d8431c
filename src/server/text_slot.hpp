// TextSlot: a slot of a request's model, and the conversation in it.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "run/generation.hpp"

#include "media_prompt.hpp"
#include "server_context.hpp"

namespace plimsoll::server {

// How a conversation is computed.
struct SlotRules {
  engine::AdapterScales scales{};              // how much of each planned adapter is in it
  double weight = 1;                           // its share of prompts' tokens beside others
  std::optional<std::uint32_t> number{};       // of the kept conversation that it goes on with
  bool is_chat = true;                         // see WantedPrompt
  std::shared_ptr<const MediaPrompt> media{};  // its only prompt, where pictures or sounds are in it; else null
};

// One thread. What is in its conversation when it ends is kept for later requests, where it began with one of those
// that are kept.
class TextSlot {
 public:
  // Throws api::Problem 503 where the host's budget has no room for what a sequence takes beside its cache.
  TextSlot(const ServerContext& server, std::string owner, host::Lease lease, SlotRules rules);
  ~TextSlot();
  TextSlot(const TextSlot&) = delete;
  TextSlot& operator=(const TextSlot&) = delete;

  [[nodiscard]] host::Lease& lease() noexcept { return lease_; }
  [[nodiscard]] run::Conversation& conversation();
  // Of the conversation, with the numbers of its vectors (MediaPrompt); none where it was not used yet.
  [[nodiscard]] std::vector<engine::Token> tokens();

  // The conversation becomes this prompt; answers how many of its tokens are in memory. The first from the kept
  // conversation that has the most in common with it, the second from what is here now.
  std::size_t begin_with(const std::vector<engine::Token>& prompt);
  std::size_t go_back_to(const std::vector<engine::Token>& prompt);
  void begin_anew(const std::vector<engine::Token>& prompt);  // nothing of it is in memory

  // What is kept of its answer takes so much of the host's memory. Throws api::Problem 503.
  void grow(Bytes bytes) { memory_->grow(bytes); }

  void came_back();  // its lease gave way, and has its conversation again

  void count_first_token(double seconds) { server_.host.count_first_token(lease_.model(), seconds); }
  void forget() noexcept { keeps_ = false; }  // it failed: nothing of it is kept

 private:
  ServerContext server_;
  std::string owner_;
  std::unique_ptr<PromptCache::Handle> kept_;  // before the lease, since it ends after it
  host::Lease lease_;
  SlotRules rules_;
  std::unique_ptr<RequestMemory::Share> memory_;
  std::vector<engine::Token> known_;  // what the conversation held, or holds: see with_vectors_named()
  std::size_t prompt_ = 0;            // tokens of the last one
  bool is_used_ = false;
  bool keeps_ = true;
};

}  // namespace plimsoll::server
