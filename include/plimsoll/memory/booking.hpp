// Booking: bytes that the program itself keeps, beside the engine's buffers, charged for as long as they are kept.
#pragma once
#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/ledger.hpp>
#include <plimsoll/memory/tag.hpp>

namespace plimsoll::memory {

// Move-only; the destructor gives back what is booked. One thread; the ledger outlives it.
class Booking {
 public:
  Booking() = default;  // of nothing, for good
  Booking(Ledger& ledger, Tag tag) : ledger_(&ledger), tag_(std::move(tag)) {}
  Booking(Booking&& other) noexcept;
  Booking& operator=(Booking&& other) noexcept;
  ~Booking() { clear(); }

  // False: the line has no room for more, and what is booked is what it was. Shrinking always succeeds.
  [[nodiscard]] bool resize(Bytes bytes);
  void clear() noexcept;
  [[nodiscard]] Bytes size() const noexcept { return size_; }

 private:
  Ledger* ledger_ = nullptr;
  Tag tag_{};
  Bytes size_;
};

// What grows by little is booked in steps, so that the ledger's log does not tell of each.
inline constexpr Bytes kBookingStep{std::uint64_t{64} << 10U};
[[nodiscard]] inline Bytes in_steps(Bytes bytes) {
  return Bytes{(bytes.value() + kBookingStep.value() - 1) / kBookingStep.value() * kBookingStep.value()};
}

// Under this owner stand logs and histories.
inline constexpr const char* kRecords = "records";

// For what lies on the host's heap.
[[nodiscard]] inline Tag on_the_heap(std::string owner, Stage stage) {
  return {.device = device::host(), .owner = std::move(owner), .stage = stage, .buffer = {}};
}

}  // namespace plimsoll::memory
