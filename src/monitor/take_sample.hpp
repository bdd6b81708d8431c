// take_sample: a sample of a host, and what can be counted of samples.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/device/device.hpp>
#include <plimsoll/monitor/sample.hpp>
#include "base/clock.hpp"
#include "host/host.hpp"
#include "memory/ledger.hpp"
#include "run/memory_accounting.hpp"

namespace plimsoll::monitor {

// What a sample is made of, as it was read.
struct ObservedDevice {
  device::DeviceInfo info;
  std::optional<device::MemoryReading> reading;
  memory::DeviceAccount account;
};
struct Observed {
  Clock::TimePoint at{};
  host::HostStatus status;
  std::vector<ObservedDevice> devices;
  std::vector<memory::Entry> entries;
  std::map<std::string, memory::SealCounts> seals;  // by owner
};
[[nodiscard]] Sample sample_of(Observed observed);  // pure

// Reads the host, its accounting and each device once. Any thread. Throws what the probes and the host throw.
[[nodiscard]] Sample take_sample(host::Host& host);
// The same for callers that sample often and keep the devices, which do not change.
[[nodiscard]] Sample take_sample(host::Host& host, const std::vector<device::DeviceInfo>& devices);
// The same where there is no host, or its status is at hand: an empty one has no models.
[[nodiscard]] Sample take_sample(run::MemoryAccounting& accounting, host::HostStatus status,
                                 const std::vector<device::DeviceInfo>& devices);
[[nodiscard]] std::vector<device::DeviceInfo> devices_of(const host::Host& host);

// That field, summed over all devices that have the same memory as this one: those of the host are one memory. (A card
// is one device here, whatever backends offer it.)
[[nodiscard]] Bytes in_same_memory(const Sample& sample, const DeviceSample& device, Bytes DeviceSample::* field);

// What it takes of the heap, about: the same for equal samples.
[[nodiscard]] Bytes size_of(const Sample& sample);

[[nodiscard]] Bytes taken_by(const OwnerSample& owner);  // on all devices

// Drawn to the device's total, what counts against such a budget is hardly to be seen: pictures show the budget alone.
[[nodiscard]] bool limit_is_far_below_total(const DeviceSample& device);

}  // namespace plimsoll::monitor
