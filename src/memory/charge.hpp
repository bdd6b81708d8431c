// Charge: bytes that the program itself keeps, beside the engine's buffers, charged for as long as they are kept.
#pragma once
#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>
#include "memory/ledger.hpp"

namespace plimsoll::memory {

// Move-only; the destructor gives back what is charged. One thread; the ledger outlives it.
class Charge {
 public:
  Charge() = default;  // of 0 bytes, and stays so
  Charge(Ledger& ledger, Tag tag) : ledger_(&ledger), tag_(std::move(tag)) {}
  Charge(Charge&& other) noexcept;
  Charge& operator=(Charge&& other) noexcept;
  ~Charge() { clear(); }

  // False: more does not fit into the budget, and what is charged is unchanged. Shrinking always succeeds.
  [[nodiscard]] bool resize(Bytes bytes);
  void clear() noexcept;
  [[nodiscard]] Bytes size() const noexcept { return size_; }

 private:
  Ledger* ledger_ = nullptr;
  Tag tag_{};
  Bytes size_;
};

// What grows in small amounts is charged in steps of this, so that the log has an event for each step only.
inline constexpr Bytes kChargeStep{std::uint64_t{64} << 10U};
[[nodiscard]] inline Bytes in_steps(Bytes bytes) {
  return Bytes{(bytes.value() + kChargeStep.value() - 1) / kChargeStep.value() * kChargeStep.value()};
}

// The owner of logs and histories.
inline constexpr const char* kRecords = "records";

// For what lies on the host's heap.
[[nodiscard]] inline Tag on_the_heap(std::string owner, Stage stage) {
  return {.device = device::host(), .owner = std::move(owner), .stage = stage, .buffer = {}};
}

}  // namespace plimsoll::memory
