// The ledger's accounting, shared with reservations so that these may outlive it.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "memory/event_log.hpp"
#include "memory/ledger.hpp"
#include "memory/outer_ledger.hpp"

namespace plimsoll::memory {

// Every member is guarded by `mutex`; functions with `locked` in their name expect it held.
struct Ledger::State {
  struct Cell {
    Bytes planned;
    Counter taken;
    std::uint64_t allocations = 0;
  };
  struct Owner {
    Bytes reserved;
    Bytes taken;
    [[nodiscard]] Bytes committed() const { return reserved > taken ? reserved : taken; }
  };
  using OwnerKey = std::pair<device::DeviceId, std::string>;

  mutable std::mutex mutex;
  std::map<Tag, Cell> charged;
  std::map<Tag, Cell> uncharged;
  std::map<OwnerKey, Owner> owners;
  std::map<device::DeviceId, Bytes> budgets;                 // by memory
  std::map<device::DeviceId, device::DeviceId> same_memory;  // of a device that shares another's
  EventLog* log = nullptr;
  OuterLedger* outer = nullptr;

  // The device whose account this one's is.
  [[nodiscard]] const device::DeviceId& memory_of_locked(const device::DeviceId& device) const {
    const auto found = same_memory.find(device);
    return found == same_memory.end() ? device : found->second;
  }
  [[nodiscard]] DeviceAccount account_locked(const device::DeviceId& device) const;
  [[nodiscard]] std::vector<Entry> largest_locked(const device::DeviceId& device) const;
  // Why `more` may not be committed on the device, of `requested` that the owner asked for; empty where it may.
  [[nodiscard]] std::optional<Refusal> judge_locked(const device::DeviceId& device, const std::string& owner,
                                                    std::optional<Stage> stage, Bytes requested, Bytes more) const;
  // The same of all processes together: asks the outer ledger, where there is one.
  [[nodiscard]] std::optional<Refusal> ask_others_locked(const std::map<device::DeviceId, Bytes>& more,
                                                         const std::string& owner, std::optional<Stage> stage);
  // What its owner commits less by now than it did is for other processes.
  void release_to_others_locked(const device::DeviceId& device, Bytes before, Bytes after) noexcept;
  void plan_locked(const Tag& tag, Bytes bytes);
  void unplan_locked(const Tag& tag, Bytes bytes);
  void note(EventKind kind, const Tag& tag, Bytes bytes);
};

// What a reservation holds: its entries, and the accounting they stand in.
struct Reservation::Impl {
  std::shared_ptr<Ledger::State> accounting;
  std::map<Tag, Bytes> entries;
};

}  // namespace plimsoll::memory
