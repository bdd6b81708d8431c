// StoredItems: what the answers of /v1/responses were made of, and what they were asked: for requests that refer to an
// item by its id in the place of sending it again, as OpenAI's clients do unless they are told to store nothing, and
// for those that go on from an answer (previous_response_id).
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "api/json_text.hpp"
#include "memory/charge.hpp"

namespace plimsoll::server {

// Any thread. In memory alone, charged to the host's budget: the oldest make way beyond `most`, and where the budget is
// short. An answer that takes more than `most` by itself is not kept.
class StoredItems {
 public:
  static constexpr Bytes kMost{std::uint64_t{8} << 20U};
  static constexpr const char* kOwner = "responses";

  explicit StoredItems(memory::Ledger& ledger, Bytes most = kMost)
      : most_(most), charge_(ledger, memory::on_the_heap(kOwner, memory::Stage::conversations)) {}

  // Of an answer: its items under their ids, and under its own what it was asked (`input`, whole) with them, and itself
  // as it was given. `owner`: whose key the request had; nobody else finds them.
  void keep(const std::string& owner, const std::string& answer, const api::Json& input, const api::Json& items,
            const api::Json& whole = nullptr);
  // As it was given; empty: it is not here (any more).
  [[nodiscard]] std::optional<api::Json> answer(const std::string& owner, const std::string& id) const;
  // With its items. False: it is not here (any more).
  bool remove(const std::string& owner, const std::string& answer);

  // A request's input becomes whole: first comes what was asked and said up to the answer that it goes on from, and
  // references become items. Throws api::Problem where that answer is not here (any more), or where all of that is more
  // than `most`: a short reference to a long item may stand there any number of times. A reference to what is not here
  // stays one, which the reader refuses. `charge` is told of each text before it is read; what it throws is thrown.
  using Charge = std::function<void(Bytes text)>;
  void complete(const std::string& owner, api::Json& body, const Charge& charge = {}) const;
  void forget(const std::string& owner);

 private:
  using Key = std::pair<std::string, std::string>;  // owner, id
  // All of these with the lock held.
  void put(Key key, std::string text);
  [[nodiscard]] const std::string* text_of(const std::string& owner, const api::Json& id) const;  // null: none
  [[nodiscard]] std::optional<api::Json> find(const std::string& owner, const api::Json& id) const;
  void drop_oldest();
  void drop(const Key& key);
  [[nodiscard]] static Key key_of_whole(const std::string& owner, const std::string& answer);

  const Bytes most_;
  mutable std::mutex mutex_;
  std::map<Key, std::string> texts_;  // text is smaller than its value
  std::deque<Key> oldest_first_;
  Bytes held_;
  memory::Charge charge_;
};

}  // namespace plimsoll::server
