// MachineMemory: this process's place in the machine's ledger, as its own ledger sees it: which device is which memory
// there, and what is free, read in the right order.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <vector>

#include "base/mutex.hpp"
#include "broker/machine_ledger.hpp"
#include "device/probe.hpp"
#include "memory/outer_ledger.hpp"

namespace plimsoll::run {

// Any thread. What is free is asked of the device only where others stand in the ledger with the same memory: alone,
// a process is judged by its plan and its budgets, and pays some microseconds.
class MachineMemory final : public memory::OuterLedger {
 public:
  // Both outlive it. The host's memory is known from the start.
  MachineMemory(broker::MachineLedger& machine, const device::Probe& probe);

  // From now on what is asked of this device, or of the one that stands for its memory, is asked of the machine's
  // ledger. Nothing is asked there of devices that are not known.
  void know(const device::DeviceInfo& device);
  // How much all processes together may have reserved there; empty: no limit.
  void limit(const device::DeviceId& device, std::optional<Bytes> bytes);
  [[nodiscard]] std::optional<Bytes> limit_of(const device::DeviceId& device) const;
  [[nodiscard]] std::optional<broker::AccountId> account_of(const device::DeviceId& device) const;
  // The device by which that memory is read.
  [[nodiscard]] std::optional<device::DeviceId> device_of(broker::AccountId account) const;

  void look(const std::vector<device::DeviceId>& memories, std::chrono::milliseconds oldest) override;
  [[nodiscard]] std::expected<void, memory::Refusal> reserve(const std::vector<More>& wanted) override;
  void reserve_anyway(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void release(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void placed(const device::DeviceId& memory, Bytes bytes) noexcept override;
  void leaving(const device::DeviceId& memory, Bytes bytes) noexcept override;

 private:
  struct Memory {
    device::DeviceInfo device;  // by which it is read
    broker::AccountId account = broker::MachineLedger::kNoAccount;
    broker::Moment before{};
    std::optional<Bytes> free{};
    std::optional<Bytes> limit{};
    std::optional<std::chrono::steady_clock::time_point> read_at{};  // empty: never, or nobody else was there
  };
  [[nodiscard]] Memory* find(const device::DeviceId& device) PLIMSOLL_REQUIRES(mutex_);
  void read(const device::DeviceId& memory, std::chrono::milliseconds oldest);

  broker::MachineLedger& machine_;
  const device::Probe& probe_;
  mutable Mutex mutex_;  // not held while a device is read
  std::vector<Memory> memories_ PLIMSOLL_GUARDED_BY(mutex_);
  std::map<device::DeviceId, std::size_t> by_device_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::run
