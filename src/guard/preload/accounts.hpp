// Accounts: every byte of ggml in this process: ledger, seal, budgets and tracker, and the readings of the devices.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "broker/machine_ledger.hpp"
#include "device/meter.hpp"
#include "device/probe.hpp"
#include "guard/allowance.hpp"
#include "guard/guard_report.hpp"
#include "guard/late_capacity.hpp"
#include "guard/settings.hpp"
#include "memory/ledger.hpp"
#include "memory/owner.hpp"
#include "memory/seal.hpp"
#include "run/machine_memory.hpp"
#include "run/shown_models.hpp"
#include "tracker/tracker.hpp"

#include "forking.hpp"

namespace plimsoll::guard {

// The owner of what belongs to no model and no context that is known.
inline constexpr const char* kProgram = "program";

// Any thread. What asks ggml needs an EngineHere on its thread.
class Accounts {
 public:
  // `program`: what the machine's ledger calls it.
  Accounts(const Settings& settings, const std::string& program);

  [[nodiscard]] const memory::Ledger& ledger() const noexcept { return ledger_; }
  [[nodiscard]] memory::SealCounts late_counts(const std::string& owner) const;
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
  // What the ledger of the machine says before a device is read.
  [[nodiscard]] broker::Moment moment() const;
  // Of what a device reads as free, how much the program may still have: what others are promised is not its, and its
  // budget may end before.
  [[nodiscard]] Bytes left_on(const device::DeviceId& device, Bytes free, const broker::Moment& before);
  [[nodiscard]] std::vector<DeviceRow> rows() const;
  // By the budget and the seal: how many, and the latest as sentences.
  [[nodiscard]] std::uint64_t refused() const;
  [[nodiscard]] std::vector<std::string> latest_refusals() const;
  [[nodiscard]] Bytes taken_now(const device::DeviceId& device) const { return ledger_.taken_on(device); }
  // All that an owner has ever had, mapped weights included.
  [[nodiscard]] Bytes ever_taken_by(const std::string& owner) const;
  // Charged bytes of an owner, over all devices.
  [[nodiscard]] Bytes taken_by(const std::string& owner) const;

  // --- what is there without passing the guard, and what is held: see memory::Ledger ---
  // Throw memory::Refused, with what was being done.
  void take_what_is_there(const memory::Tag& tag, Bytes bytes, std::string_view doing);
  [[nodiscard]] memory::Reservation hold_what_is_taken(const std::string& owner, std::string_view doing);
  void give_back(const memory::Tag& tag, Bytes bytes) noexcept;
  void release(memory::Reservation& reservation) noexcept;

  // --- what the machine's ledger shows of the program (accounts_shown.cpp) ---
  void show_model(const std::string& model);
  void show_context(const std::string& context, const std::string& model);
  void forget(const std::string& owner);
  // It has just computed. Said to others once a second at most.
  void used(const std::string& model);
  void publish() noexcept;
  // The program ends: nothing more is promised to it.
  void leave_machine() noexcept;

  // Between these two no account changes and nobody else has one of their locks, so that a process may be forked.
  void hold();
  void let_go();

 private:
  // Every request passes here first: a device that is new gets its budget, and the gate is kept while accounts change.
  class Door final : public memory::CapacityAdaptor {
   public:
    explicit Door(Accounts& accounts, memory::AnyCapacity& next) : CapacityAdaptor(next), accounts_(accounts) {}
    [[nodiscard]] std::expected<void, memory::Refusal> try_acquire(const memory::Tag& tag, Bytes bytes) override;
    void release(const memory::Tag& tag, Bytes bytes) noexcept override;
    void placed(const memory::Tag& tag, Bytes bytes) noexcept override;
    void leaving(const memory::Tag& tag, Bytes bytes) noexcept override;

   private:
    [[nodiscard]] std::expected<void, memory::Refusal> try_once(const memory::Tag& tag, Bytes bytes);
    Accounts& accounts_;
  };
  [[nodiscard]] bool knows(const device::DeviceId& device) const;
  void set_budget(const device::DeviceInfo& info);
  void look(const memory::Tag& tag, Bytes bytes);
  // What other processes hold is in the way: true where they have let idle models go for it.
  [[nodiscard]] bool others_made_room(const memory::Refusal& refusal);
  void note_peaks(const memory::Tag& tag);
  void note_refusal(const memory::Refusal& refusal);

  const Settings& settings_;
  SystemClock clock_;
  std::unique_ptr<device::Probe> probe_;
  std::unique_ptr<broker::MachineLedger> machine_;
  run::MachineMemory machine_memory_;
  Allowance allowance_{machine_memory_};
  memory::Ledger ledger_;
  run::ShownModels shown_;
  memory::Seal seal_;
  memory::OwnerNames names_;
  memory::LedgerCapacity limited_{ledger_};
  LateCapacity late_;
  Door door_{*this, late_};
  tracker::Tracker tracker_{ledger_, door_};
  std::atomic<std::size_t> devices_offered_ = 0;  // by the engine, when they were learned
  std::atomic<bool> host_is_alone_ = false;       // the engine offers no other device
  mutable CallingMutex gate_;                     // devices are read under it; those that follow are taken behind it
  mutable std::mutex devices_mutex_;              // of what follows
  std::vector<device::DeviceInfo> devices_;
  std::map<device::DeviceId, Bytes> peaks_;  // by the device that stands for the memory
  std::uint64_t refused_ = 0;
  std::deque<std::string> refusals_;
  std::atomic<std::int64_t> shown_at_ = 0;  // in milliseconds of a clock that nobody sets
};

}  // namespace plimsoll::guard
