// OuterLedger: what several processes have of a memory together, as the ledger of one of them sees it: whatever this
// process commits more, it asks for there, and what it commits less, the others may have.
#pragma once
#include <chrono>
#include <expected>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/refusal.hpp>

namespace plimsoll::memory {

// Any thread. Memories are named by the device that stands for each (Ledger::memory_of).
class OuterLedger {
 public:
  virtual ~OuterLedger() = default;

  // These are about to be asked for: what the devices say is read, where the last reading is older than that. Called
  // with no lock held.
  virtual void look(const std::vector<device::DeviceId>& memories, std::chrono::milliseconds oldest) = 0;

  // The rest is called with the ledger's lock held: quick, and no calls back.
  struct More {
    device::DeviceId memory;
    Bytes bytes;
  };
  // All of them or none. A refusal names device, amounts and who refused; the ledger adds whose request it was.
  [[nodiscard]] virtual std::expected<void, Refusal> reserve(const std::vector<More>& wanted) = 0;
  // What is taken already, by a backend for itself: counted, and never refused.
  virtual void reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept = 0;
  virtual void release(const device::DeviceId& memory, Bytes bytes) noexcept = 0;
  // Bytes are there by now, so that the device's reading counts them; or will not be there any more in a moment.
  virtual void placed(const device::DeviceId& memory, Bytes bytes) noexcept = 0;
  virtual void leaving(const device::DeviceId& memory, Bytes bytes) noexcept = 0;
};

// How old a reading may be that a new reservation is judged by, and what is taken beyond one.
inline constexpr std::chrono::milliseconds kForReservations{0};
inline constexpr std::chrono::milliseconds kForTaking{1000};

}  // namespace plimsoll::memory
