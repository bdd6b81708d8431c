// MemoryAccounting: ledger, seal, event log and tracker of a process, joined: what every model of it is held against.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/clock.hpp"
#include "device/probe.hpp"
#include "memory/capacity.hpp"
#include "memory/event_log.hpp"
#include "memory/ledger.hpp"
#include "memory/owner.hpp"
#include "memory/seal.hpp"
#include "plan/plan.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::broker {
class MachineLedger;
}

namespace plimsoll::run {

class MachineMemory;
class ShownModels;

// One per process at a time: constructing a second one while the first lives throws Error{internal}. It outlives every
// model that was opened with it. Any thread.
class MemoryAccounting {
 public:
  // `machine`: where this process stands among others; it joins them itself where none is given.
  explicit MemoryAccounting(std::shared_ptr<broker::MachineLedger> machine = {});
  ~MemoryAccounting();
  MemoryAccounting(const MemoryAccounting&) = delete;
  MemoryAccounting& operator=(const MemoryAccounting&) = delete;

  // The budgets that a plan was judged by, as the limits of every allocation from now on. A device that the plan gives
  // no budget keeps the one it has: budgets belong to the accounting, and whoever opens a model without naming one
  // takes none away.
  void set_budgets(const std::vector<plan::DeviceVerdict>& devices);
  // Those that were set, as a planner wants to know them: for memories that `asked` says nothing of, by whatever device
  // of theirs, the budgets of before, by the device that stands for each; then `asked`.
  [[nodiscard]] std::vector<memory::BudgetRequest> budgets_with(const std::vector<memory::BudgetRequest>& asked) const;
  // What is committed in each memory, as a planner wants to know it: by the device that stands for it.
  [[nodiscard]] std::vector<std::pair<device::DeviceId, Bytes>> committed() const;

  // Of the process: see tracker::Tracker. Before anything is opened.
  void set_prefault(bool prefault) noexcept { tracker_.set_prefault(prefault); }

  [[nodiscard]] memory::Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] memory::Seal& seal() noexcept { return seal_; }
  [[nodiscard]] memory::EventLog& events() noexcept { return events_; }
  [[nodiscard]] tracker::Tracker& tracker() noexcept { return tracker_; }
  [[nodiscard]] memory::OwnerNames& owners() noexcept { return owners_; }
  [[nodiscard]] const device::Probe& probe() const noexcept { return *probe_; }
  [[nodiscard]] broker::MachineLedger& machine() const noexcept { return *machine_; }
  [[nodiscard]] MachineMemory& machine_memory() noexcept { return *machine_memory_; }
  [[nodiscard]] ShownModels& shown() noexcept { return *shown_; }

 private:
  SystemClock clock_;
  std::unique_ptr<device::Probe> probe_;
  std::shared_ptr<broker::MachineLedger> machine_;
  std::unique_ptr<MachineMemory> machine_memory_;
  memory::EventLog events_{clock_};
  memory::Ledger ledger_;
  std::unique_ptr<ShownModels> shown_;
  memory::Seal seal_{&events_};
  memory::OwnerNames owners_;
  memory::LedgerCapacity limited_{ledger_};
  memory::SealedCapacity sealed_{limited_, ledger_, seal_};
  tracker::Tracker tracker_{ledger_, sealed_};
  mutable std::mutex budgets_mutex_;
  std::map<device::DeviceId, memory::Budget> budgets_;  // by the device that stands for the memory
};

}  // namespace plimsoll::run
