// RequestMemory: the host memory of requests at work: what they bring, what was read of it, their sequences' tokens and
// logits, and their answers.
#pragma once
#include <functional>
#include <memory>

#include <plimsoll/base/bytes.hpp>
#include "base/mutex.hpp"
#include "memory/charge.hpp"

namespace plimsoll::server {

// It stands in the ledger, by an estimate of what the heap takes, and is within the host's budget. Any thread; the
// ledger outlives it.
class RequestMemory {
 public:
  static constexpr const char* kOwner = "requests";  // in the ledger
  // `make_way`: lets something go that the server keeps for later requests, where the budget has no room; false: there
  // is nothing left. Called without a lock.
  RequestMemory(memory::Ledger& ledger, std::function<bool()> make_way);

  // Of one request, until it ends.
  class Share;
  // For a body of that size, beside the body itself. Throws api::Problem where the budget has no room for it: 503; 413
  // where it would have none without the other requests either.
  [[nodiscard]] std::unique_ptr<Share> take(std::size_t body);
  // For a body that is about to arrive. Throws likewise.
  [[nodiscard]] std::unique_ptr<Share> receive(std::size_t body);
  [[nodiscard]] Bytes held() const;

 private:
  void grow(Bytes bytes);  // throws as take()
  [[nodiscard]] bool fits(Bytes bytes);
  [[nodiscard]] bool would_fit_alone(Bytes bytes) const;
  void give_back(Bytes bytes) noexcept;

  memory::Ledger& ledger_;
  std::function<bool()> make_way_;
  mutable Mutex mutex_;
  Bytes held_ PLIMSOLL_GUARDED_BY(mutex_);
  memory::Charge charge_ PLIMSOLL_GUARDED_BY(mutex_);
};

// One thread.
class RequestMemory::Share {
 public:
  explicit Share(RequestMemory& all) : all_(all) {}
  ~Share() { all_.give_back(held_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  // Of an answer that is collected. Throws as take().
  void grow(Bytes bytes);
  // Of a text beside the body that is read as that is. Throws as take().
  void read(Bytes text);

 private:
  RequestMemory& all_;
  Bytes held_;
};

}  // namespace plimsoll::server
