// A reservation is permission to place bytes for one owner. It holds no memory itself.
#pragma once
#include <memory>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/memory/entry.hpp>

namespace plimsoll::memory {

class Ledger;

// Move-only; the destructor returns the permission to the ledger. Any thread, one at a time.
class Reservation {
 public:
  Reservation() = default;  // empty: holds nothing
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) noexcept;
  ~Reservation();

  [[nodiscard]] bool valid() const noexcept { return state_ != nullptr; }
  [[nodiscard]] const std::string& owner() const noexcept { return owner_; }

  // Replaces the bytes of one entry (adds the entry where it is new). Growing may be refused by the budget and then
  // throws Refused (over_budget) and changes nothing; shrinking always succeeds. Other processes may be in its way, too
  // (out_of_device_memory), unless the bytes are taken already.
  enum class Growth { is_to_be_taken, is_taken };
  void resize(const Tag& tag, Bytes bytes, Growth growth = Growth::is_to_be_taken);
  void release() noexcept;

  struct Impl;  // src/memory/ledger_state.hpp

 private:
  friend class Ledger;
  std::shared_ptr<Impl> state_;
  std::string owner_;
};

}  // namespace plimsoll::memory
