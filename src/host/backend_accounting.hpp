// BackendAccounting: what backends go on holding after a model has left: device contexts, compiled pipelines. It
// belongs to no model any more, but it is there, and the next load finds it made.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "device/meter.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::host {

// One thread. Ledger and probe outlive it.
class BackendAccounting {
 public:
  // Under this owner it stands in the ledger, as runtime.
  static constexpr const char* kOwner = "backends";

  // Now is the moment before anything: what is there already is not counted. Only accelerators are read: the CPU's
  // backend keeps nothing beyond a context.
  // `is_elsewhere`: what that owner holds lies in another process.
  BackendAccounting(
      memory::Ledger& ledger, const device::Probe& probe, const std::vector<device::DeviceInfo>& devices,
      std::function<bool(const std::string& owner)> is_elsewhere = [](const std::string&) { return false; });
  ~BackendAccounting();
  BackendAccounting(const BackendAccounting&) = delete;
  BackendAccounting& operator=(const BackendAccounting&) = delete;

  // What the backend of that device keeps. Of two that offer one card each keeps its own: what the one has made, the
  // other does not find made. All of it counts in the card's account.
  [[nodiscard]] Bytes held_on(const device::DeviceId& device) const;
  // An accelerator's memory is the host's, so that the process's own use of it is read.
  [[nodiscard]] bool reads_host_memory() const;

  // Reads each memory after models have left that computed on these devices, and charges what is still held beyond what
  // the ledger knows of: what is new there, under the first of these that lies in it (the meter sees a card, not who of
  // its backends), else under the device that stands for it. Where a device's memory is the host's and none of them
  // computed on it, it is not read. Gives the growth since the last time, by device: what these models left behind.
  std::vector<std::pair<device::DeviceId, Bytes>> charge_what_stayed(const std::vector<device::DeviceId>& left = {});

 private:
  [[nodiscard]] bool lies_in(const device::DeviceId& device, const device::DeviceInfo& memory) const;
  [[nodiscard]] Bytes known_in(const device::DeviceInfo& memory, device::Whose read) const;
  [[nodiscard]] Bytes held_in(const device::DeviceInfo& memory) const;
  void give_back(const memory::Tag& tag, Bytes bytes) noexcept;
  void charge(const device::DeviceId& device, Bytes bytes);
  void lower(const device::DeviceInfo& memory, const device::DeviceId& first, Bytes by);

  memory::Ledger& ledger_;
  const std::function<bool(const std::string& owner)> is_elsewhere_;
  const std::vector<device::DeviceInfo> devices_;
  device::Meter meter_;
  device::Meter::Reading before_;
  std::vector<std::pair<memory::Tag, Bytes>> charged_;
};

}  // namespace plimsoll::host
