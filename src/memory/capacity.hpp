// CapacitySource: what the tracker asks before ggml places a buffer, and wrappers that add one rule each.
#pragma once
#include <concepts>
#include <expected>
#include <functional>
#include <mutex>

#include "memory/event_log.hpp"
#include "memory/ledger.hpp"
#include "memory/seal.hpp"

namespace plimsoll::memory {

template <class T>
concept CapacitySource = requires(T& source, const Tag& tag, Bytes bytes) {
  { source.try_acquire(tag, bytes) } -> std::same_as<std::expected<void, Refusal>>;
  { source.release(tag, bytes) } noexcept;
};

// The same, behind a pointer, where the source is chosen at run time. Any thread; what a source asks outlives it.
class AnyCapacity {
 public:
  virtual ~AnyCapacity() = default;
  [[nodiscard]] virtual std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) = 0;
  virtual void release(const Tag& tag, Bytes bytes) noexcept = 0;
  // See Ledger::placed() and leaving(): the device has given them; before it gets them back. A source that stands before
  // another passes them on; where nobody else is told, nothing is done.
  virtual void placed(const Tag&, Bytes) noexcept {}
  virtual void leaving(const Tag&, Bytes) noexcept {}
};

// Limited and recorded: the ledger refuses beyond the budget, and counts.
class LedgerCapacity final : public AnyCapacity {
 public:
  explicit LedgerCapacity(Ledger& ledger) : ledger_(ledger) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;
  void release(const Tag& tag, Bytes bytes) noexcept override;
  void placed(const Tag& tag, Bytes bytes) noexcept override;
  void leaving(const Tag& tag, Bytes bytes) noexcept override;

 private:
  Ledger& ledger_;
};

// Sealed: once the owner is sealed, what lies beyond its reservation is refused; what lies inside is counted and let
// through.
class SealedCapacity final : public AnyCapacity {
 public:
  SealedCapacity(AnyCapacity& next, Ledger& ledger, Seal& seal) : next_(next), ledger_(ledger), seal_(seal) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;
  void release(const Tag& tag, Bytes bytes) noexcept override;
  void placed(const Tag& tag, Bytes bytes) noexcept override;
  void leaving(const Tag& tag, Bytes bytes) noexcept override;

 private:
  AnyCapacity& next_;
  Ledger& ledger_;
  Seal& seal_;
  // Looking at the reservation and taking from it are one step. Held while the next is asked, which never evicts
  // here: what lies inside a reservation is always granted.
  std::mutex mutex_;
};

// Traced: every answer becomes an event.
class TracedCapacity final : public AnyCapacity {
 public:
  TracedCapacity(AnyCapacity& next, EventLog& log) : next_(next), log_(log) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;
  void release(const Tag& tag, Bytes bytes) noexcept override;
  void placed(const Tag& tag, Bytes bytes) noexcept override;
  void leaving(const Tag& tag, Bytes bytes) noexcept override;

 private:
  AnyCapacity& next_;
  EventLog& log_;
};

// Retrying: on a refusal calls `evict` once, and tries again where that answers true.
class RetryingCapacity final : public AnyCapacity {
 public:
  using Evict = std::function<bool(const Tag&, Bytes)>;
  RetryingCapacity(AnyCapacity& next, Evict evict) : next_(next), evict_(std::move(evict)) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;
  void release(const Tag& tag, Bytes bytes) noexcept override;
  void placed(const Tag& tag, Bytes bytes) noexcept override;
  void leaving(const Tag& tag, Bytes bytes) noexcept override;

 private:
  AnyCapacity& next_;
  Evict evict_;
};

static_assert(CapacitySource<LedgerCapacity>);
static_assert(CapacitySource<SealedCapacity>);
static_assert(CapacitySource<TracedCapacity>);
static_assert(CapacitySource<RetryingCapacity>);

}  // namespace plimsoll::memory
