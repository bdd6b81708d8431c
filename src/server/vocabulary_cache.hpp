// VocabularyCache: for each model of a fleet the reader of its requests, made at the first one and kept, whether the
// model itself is loaded or not.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "host/host.hpp"
#include "memory/charge.hpp"

#include "prompt_reader.hpp"

namespace plimsoll::server {

// Any thread; the host outlives it. Vocabularies are on the heap and charged to the host's budget by an estimate; one
// of a model that the host has mapped is that model's, and takes nothing more. The longest unused goes where there are
// too many, or where the budget has no capacity for one more; a model that does not fit beside them comes first: see
// clear().
class VocabularyCache {
 public:
  static constexpr const char* kOwner = "vocabularies";  // in the ledger
  static constexpr std::size_t kMost = 32;
  explicit VocabularyCache(host::Host& host, std::size_t most = kMost);

  // Null: the model could not be planned, or its file is another one since. Such a file might end the process that
  // reads it; the host, which is asked for a lease then, has it tried by a dry run first. Else the vocabulary is read
  // from the file at the first call, 10 ms to 1 s, while others who ask for this model wait. Throws
  // Error{model_unusable}.
  [[nodiscard]] std::shared_ptr<const PromptReader> find(const std::string& model);
  // The model's file is the one that this reader was made from: what it has read is what a lease taken now computes.
  [[nodiscard]] bool is_current(const PromptReader& reader) const;
  // The model has left the fleet, or its file the place where it was: a mapped one would stay mapped, and a file that
  // is no more on the disk.
  void forget(const std::string& model);
  // Gives everything back, so that a model may take its place. False: nothing was kept.
  bool clear();
  [[nodiscard]] std::size_t size() const;  // readers that are kept

 private:
  struct Entry {
    std::mutex loading;                          // taken before mutex_
    std::shared_ptr<const PromptReader> reader;  // this and what follows: under mutex_
    Bytes size;
    std::uint64_t last_used = 0;
    std::uint64_t fleet = 0;  // the host's number of the one that it was looked at with last
  };
  struct Loaded {
    std::shared_ptr<const PromptReader> reader;
    Bytes size;  // on the heap, beyond what is there anyway
  };
  [[nodiscard]] Entry& entry_of(const std::string& model) const;
  void look_at_the_fleet(const std::string& model, Entry& entry);
  [[nodiscard]] std::shared_ptr<const PromptReader> known(Entry& entry, const std::string& files,
                                                          const std::string& chosen);
  [[nodiscard]] Loaded load(const std::string& model, const std::string& files, const std::string& chosen) const;
  void keep(Entry& entry, Loaded loaded);
  [[nodiscard]] bool fits();  // with the lock held, as what follows
  [[nodiscard]] std::shared_ptr<const PromptReader> take_oldest();

  host::Host& host_;
  std::size_t most_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Entry> entries_;  // one for each model that was asked for
  std::size_t kept_ = 0;                          // readers in them
  Bytes held_;                                    // by these
  memory::Charge charge_;
  std::uint64_t uses_ = 0;
};

// The chat template that the fleet gives a model in the place of its file's; empty: none.
[[nodiscard]] std::string template_of(const host::Host& host, const std::string& model);

// What a vocabulary takes on the heap, estimated by its number of tokens.
[[nodiscard]] Bytes estimated_heap(const engine::Vocab& vocab);

}  // namespace plimsoll::server
