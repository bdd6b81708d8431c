// capacity: what the tracker asks before ggml places a buffer, and adaptors that add one rule each.
#pragma once
#include <expected>
#include <mutex>

#include "memory/ledger.hpp"
#include "memory/seal.hpp"

namespace plimsoll::memory {

// Any thread; what a capacity asks outlives it.
class AnyCapacity {
 public:
  virtual ~AnyCapacity() = default;
  [[nodiscard]] virtual std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) = 0;
  virtual void release(const Tag& tag, Bytes bytes) noexcept = 0;
  // See Ledger::placed() and leaving(): the device has given them; before it gets them back. Where nobody else is told,
  // nothing is done.
  virtual void placed(const Tag&, Bytes) noexcept {}
  virtual void leaving(const Tag&, Bytes) noexcept {}
};

// Limited and recorded: the ledger refuses beyond the budget, and counts.
class LedgerCapacity final : public AnyCapacity {
 public:
  explicit LedgerCapacity(Ledger& ledger) : ledger_(ledger) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;
  void release(const Tag& tag, Bytes bytes) noexcept override { ledger_.give_back(tag, bytes); }
  void placed(const Tag& tag, Bytes bytes) noexcept override { ledger_.placed(tag, bytes); }
  void leaving(const Tag& tag, Bytes bytes) noexcept override { ledger_.leaving(tag, bytes); }

 private:
  Ledger& ledger_;
};

// Stands before another one, and passes everything on but what it overrides.
class CapacityAdaptor : public AnyCapacity {
 public:
  void release(const Tag& tag, Bytes bytes) noexcept override { next_.release(tag, bytes); }
  void placed(const Tag& tag, Bytes bytes) noexcept override { next_.placed(tag, bytes); }
  void leaving(const Tag& tag, Bytes bytes) noexcept override { next_.leaving(tag, bytes); }

 protected:
  explicit CapacityAdaptor(AnyCapacity& next) : next_(next) {}
  [[nodiscard]] AnyCapacity& next() const noexcept { return next_; }

 private:
  AnyCapacity& next_;
};

// Sealed: once the owner is sealed, what lies beyond its reservation is refused; what lies inside is counted and let
// through.
class SealedCapacity final : public CapacityAdaptor {
 public:
  SealedCapacity(AnyCapacity& next, Ledger& ledger, Seal& seal) : CapacityAdaptor(next), ledger_(ledger), seal_(seal) {}
  [[nodiscard]] std::expected<void, Refusal> try_acquire(const Tag& tag, Bytes bytes) override;

 private:
  Ledger& ledger_;
  Seal& seal_;
  // Looking at the reservation and taking from it are one step: held while the next is asked, which grants at once what
  // lies inside a reservation.
  std::mutex mutex_;
};

}  // namespace plimsoll::memory
