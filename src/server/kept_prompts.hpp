// KeptPrompts: the conversations that a server keeps beyond its end, in files, for its next start.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include "host/host.hpp"

#include "api_keys.hpp"
#include "prompt_cache.hpp"

namespace plimsoll::server {

// One thread; the keys outlive it. The files say which model file a conversation is of and which API key it belongs to:
// nobody else gets it.
class KeptPrompts {
 public:
  static constexpr const char* kOwner = "kept prompts";  // in the ledger: a conversation on its way to its file or back
  // `most` bytes of files; 0: nothing is kept.
  KeptPrompts(std::filesystem::path folder, Bytes most, const ApiKeys& keys)
      : folder_(std::move(folder)), most_(most), keys_(keys) {}

  // Those of the cache that nobody uses, the last used first, as many as fit; of one whose memory does not, the tokens.
  // They take the place of what was kept before. What cannot be saved is left out, and the log says why.
  void save(host::Host& host, const PromptCache& prompts) const;
  // What fits into the host's budget comes back as conversations that are swapped out. What does not, is of another
  // model file or of a key that is gone, stays out.
  void restore(host::Host& host, PromptCache& prompts) const;

 private:
  struct Entry {
    std::string file{};
    std::string model{};
    std::string key{};                      // its hash; empty: the server has none
    std::optional<std::uint32_t> number{};  // see WantedPrompt
    std::size_t prompt = 0;                 // see PromptCache::Handle::keep()
  };
  [[nodiscard]] std::vector<Entry> read_index() const;
  void write_index(const std::vector<Entry>& entries) const;
  void remove_others(const std::vector<Entry>& entries) const;
  [[nodiscard]] std::optional<Bytes> save_one(host::Host& host, const PromptCache::Idle& prompt, Bytes left,
                                              const std::string& file) const;
  void restore_one(host::Host& host, PromptCache& prompts, const Entry& entry) const;

  std::filesystem::path folder_;
  Bytes most_;
  const ApiKeys& keys_;
};

}  // namespace plimsoll::server
