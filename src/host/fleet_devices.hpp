// FleetDevices: what the devices say at this moment, and how much of what is taken there is the fleet's.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "host/fleet.hpp"
#include "host/foreign_watch.hpp"
#include "host/free_capacity.hpp"
#include "run/memory_accounting.hpp"

#include "kept_models.hpp"
#include "readings.hpp"
#include "swap_space.hpp"

namespace plimsoll::host {

// What comes back to a memory, by the device that stands for it, once its owner is gone.
struct ModelHolding {
  std::string owner;
  device::DeviceId memory;
  Bytes comes_back;
};

// Any thread. What it is made of outlives it.
class FleetDevices {
 public:
  FleetDevices(run::MemoryAccounting& accounting, const Fleet& fleet, std::vector<plan::DeviceVerdict> planned,
               const KeptModels& kept, const SwapSpace& swap_space);

  // Which there are, as they were when the fleet was planned, with the budgets of now.
  [[nodiscard]] std::vector<plan::DeviceVerdict> planned() const;
  // Of another fleet; models that were there before stay the fleet's in this.
  void change(const Fleet& fleet, const std::vector<plan::DeviceState>& devices);
  // What that owner holds lies in another process.
  [[nodiscard]] bool is_elsewhere(const std::string& owner) const;
  // What each says now, less what other processes have been promised of it; free is unknown where it says nothing.
  [[nodiscard]] std::vector<plan::DeviceState> readings() const;
  // As admission sees them: see Host::devices().
  [[nodiscard]] std::vector<plan::DeviceState> states() const;
  // What programs hold now that are not Plimsoll's, beside what comes back with each model and draft.
  struct ForeignMoment {
    std::vector<ForeignUse> memories;  // of which enough is known
    std::vector<ModelHolding> holdings;
  };
  [[nodiscard]] ForeignMoment foreign_use() const;
  // `offers`: of other processes, from before this.
  void look(FreeCapacity& capacity, std::vector<OfferOfOthers> offers = {}) const;

 private:
  [[nodiscard]] Accounting accounting_of(const std::vector<memory::Entry>& entries) const;
  [[nodiscard]] bool is_fleets(const std::string& owner) const;

  run::MemoryAccounting& accounting_;
  mutable Mutex mutex_;                                         // never held while calling out
  std::set<std::string> models_ PLIMSOLL_GUARDED_BY(mutex_);    // and drafts, also those that were
  std::set<std::string> isolated_ PLIMSOLL_GUARDED_BY(mutex_);  // owners of what lies in other processes
  std::vector<plan::DeviceVerdict> planned_ PLIMSOLL_GUARDED_BY(mutex_);
  const KeptModels& kept_;
  const SwapSpace& swap_space_;
};

}  // namespace plimsoll::host
