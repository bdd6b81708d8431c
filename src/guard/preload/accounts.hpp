// Accounts: every byte of ggml in this process: ledger, seal, budgets and tracker, and the readings of the devices.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "device/meter.hpp"
#include "device/probe.hpp"
#include "guard/guard_report.hpp"
#include "guard/late_capacity.hpp"
#include "guard/settings.hpp"
#include "memory/ledger.hpp"
#include "memory/owner.hpp"
#include "memory/seal.hpp"
#include "tracker/tracker.hpp"

namespace plimsoll::guard {

// The owner of what belongs to no model and no context that is known.
inline constexpr const char* kProgram = "program";

// Any thread. What asks ggml needs an EngineHere on its thread.
class Accounts {
 public:
  explicit Accounts(const Settings& settings);

  [[nodiscard]] memory::Ledger& ledger() noexcept { return ledger_; }
  [[nodiscard]] memory::SealCounts late_counts(const std::string& owner) const { return seal_.counts(owner); }
  [[nodiscard]] memory::OwnerNames& names() noexcept { return names_; }
  [[nodiscard]] tracker::Tracker& tracker() noexcept { return tracker_; }
  // Seals the owner: it is ready. `held`: beyond what it holds now a card refuses it, where that is asked for.
  void seal(const std::string& owner, bool held);
  void unseal(const std::string& owner);
  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] const device::Probe& probe() const noexcept { return *probe_; }

  // The devices that an engine offers, with their budgets; asked again where a name is new.
  void learn_devices();
  [[nodiscard]] std::vector<device::DeviceInfo> devices() const;
  // All but the host.
  [[nodiscard]] std::vector<device::DeviceInfo> cards();
  // Those of them on which one of these owners holds something.
  [[nodiscard]] std::vector<device::DeviceInfo> cards_of(const std::vector<std::string>& owners) const;
  // How much of this device the program may still have; empty: it has no budget.
  [[nodiscard]] std::optional<Bytes> left_on(const device::DeviceId& device);
  [[nodiscard]] std::vector<DeviceRow> rows() const;
  // By the budget and the seal: how many, and the latest as sentences.
  [[nodiscard]] std::uint64_t refused() const;
  [[nodiscard]] std::vector<std::string> latest_refusals() const;
  [[nodiscard]] Bytes taken_now(const device::DeviceId& device) const { return ledger_.taken_on(device); }
  // All that an owner has ever had, mapped weights included.
  [[nodiscard]] Bytes ever_taken_by(const std::string& owner) const;
  // Charged bytes of an owner, over all devices.
  [[nodiscard]] Bytes taken_by(const std::string& owner) const;

  // Between these two no account changes, so that a process may be forked.
  void hold() { gate_.lock(); }
  void let_go() { gate_.unlock(); }

 private:
  // Every request passes here first: a device that is new gets its budget, and the gate is kept while accounts change.
  class Door final : public memory::CapacityAdaptor {
   public:
    explicit Door(Accounts& accounts, memory::AnyCapacity& next) : CapacityAdaptor(next), accounts_(accounts) {}
    [[nodiscard]] std::expected<void, memory::Refusal> try_acquire(const memory::Tag& tag, Bytes bytes) override;
    void release(const memory::Tag& tag, Bytes bytes) noexcept override;

   private:
    Accounts& accounts_;
  };
  [[nodiscard]] bool knows(const device::DeviceId& device) const;
  void set_budget(const device::DeviceInfo& info);
  void note_peaks(const memory::Tag& tag);
  void note_refusal(const memory::Refusal& refusal);

  const Settings& settings_;
  SystemClock clock_;
  memory::Ledger ledger_;
  memory::Seal seal_;
  memory::OwnerNames names_;
  memory::LedgerCapacity limited_{ledger_};
  LateCapacity late_;
  Door door_{*this, late_};
  tracker::Tracker tracker_{ledger_, door_};
  std::unique_ptr<device::Probe> probe_;
  std::mutex gate_;
  mutable std::mutex devices_mutex_;  // of what follows
  std::vector<device::DeviceInfo> devices_;
  std::map<device::DeviceId, Bytes> peaks_;  // by the device that stands for the memory
  std::uint64_t refused_ = 0;
  std::deque<std::string> refusals_;
};

}  // namespace plimsoll::guard
