// ReturnedMemory: whether devices have back what a process held that has ended: a driver gives it back, and shows it, a
// moment after the process has been waited for.
#pragma once
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "device/probe.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::host {

// Any thread. Probe and ledger outlive it. Memories that are the host's own are not looked at: the system has those
// back once the process has been waited for.
class ReturnedMemory {
 public:
  ReturnedMemory(const device::Probe& probe, const memory::Ledger& ledger);

  // The process is there, with everything in it: what others than this program's owners hold is kept in mind.
  void note(const std::vector<device::DeviceInfo>& devices);
  // It has gone, and what these owners hold in the ledger was in it. True as soon as the readings show most of that as
  // nobody's, and at once where none was noted or none can be read; false where that takes longer than `most`.
  [[nodiscard]] bool is_back_within(std::chrono::nanoseconds most, const std::vector<std::string>& owners) const;

 private:
  struct Noted {
    device::DeviceInfo device;
    std::int64_t of_others = 0;  // in use, less what the ledger has as taken
  };
  [[nodiscard]] bool is_back(const Noted& noted, const std::vector<std::string>& owners) const;

  const device::Probe& probe_;
  const memory::Ledger& ledger_;
  mutable std::mutex mutex_;
  std::vector<Noted> noted_;  // one for each memory
};

}  // namespace plimsoll::host
