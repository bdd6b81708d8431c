// Allowance: small change between a process's own ledger and that of the machine: a program that takes and frees some
// kilobytes again and again does not ask for each of them.
#pragma once
#include <map>
#include <mutex>
#include <vector>

#include "memory/outer_ledger.hpp"

namespace plimsoll::guard {

// Of each memory up to kStep is reserved with the machine beyond what the process commits, and up to kStep of what was
// placed is not said yet: others are promised less for it, never more. Any thread.
class Allowance final : public memory::OuterLedger {
 public:
  static constexpr Bytes kStep = Bytes{std::uint64_t{1} << 20U};
  explicit Allowance(memory::OuterLedger& machine) : machine_(machine) {}

  // So much may be taken there without asking the machine.
  [[nodiscard]] Bytes left(const device::DeviceId& memory) const;
  // From now on the machine's ledger says what is so, until something is taken again.
  void settle() noexcept;

  // Who asks for more than is left looks before: only it knows how much that is.
  void look(const std::vector<device::DeviceId>&, std::chrono::milliseconds) override {}
  [[nodiscard]] std::expected<void, memory::Refusal> reserve(const std::vector<More>& wanted) override;
  void reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void release(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void placed(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void leaving(const device::DeviceId& memory, Bytes bytes) noexcept override;

 private:
  struct Change {
    Bytes left;    // reserved, and committed to nobody
    Bytes unsaid;  // placed
  };
  memory::OuterLedger& machine_;
  mutable std::mutex mutex_;
  std::map<device::DeviceId, Change> changes_;
};

}  // namespace plimsoll::guard
