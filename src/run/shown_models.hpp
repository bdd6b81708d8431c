// ShownModels: what the machine's ledger shows of this process: whoever holds something in it, with what it does.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "broker/picture.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::broker {
class MachineLedger;
}

namespace plimsoll::run {

class MachineMemory;

// Any thread. What it is made of outlives it.
class ShownModels {
 public:
  struct Facts {
    broker::Work work = broker::Work::none;
    bool can_go = false;  // others may ask for it
    int priority = 0;
    broker::BootTime idle_since{};
    std::chrono::milliseconds reload_time{};
    pid_t process = 0;  // see broker::ShownModel
    std::uint32_t restarts = 0;
    std::string comes_with{};  // it comes and goes with that owner (a draft), and is shown as a part of it
    // What it holds comes back with that owner, and is shown apart: a compute group's buffers, with its last model.
    std::string returns_with{};
    bool ends_its_process = false;  // when it goes: what a backend took for it comes back as well
    friend bool operator==(const Facts&, const Facts&) = default;
  };
  ShownModels(const memory::Ledger& ledger, const MachineMemory& memory, broker::MachineLedger& machine)
      : ledger_(ledger), memory_(memory), machine_(machine) {}

  void set(const std::string& owner, Facts facts);
  void forget(const std::string& owner);
  // What the ledger says now, with these facts. Where the program has no memory for that, what was shown stays.
  void publish() noexcept;

 private:
  [[nodiscard]] std::vector<broker::ShownModel> shown();

  const memory::Ledger& ledger_;
  const MachineMemory& memory_;
  broker::MachineLedger& machine_;
  Mutex mutex_;
  std::map<std::string, Facts> facts_ PLIMSOLL_GUARDED_BY(mutex_);
};

}  // namespace plimsoll::run
