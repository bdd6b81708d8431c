// MemoryReading: what one probe said about one device at one moment. Unknown is absent, never 0. total less free is
// what everybody uses, the driver's own share included; used_by_us is another thing, and the two are never subtracted.
#pragma once
#include <algorithm>
#include <optional>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include "base/clock.hpp"

namespace plimsoll::device {

struct MemoryReading {
  std::optional<Bytes> total;
  std::optional<Bytes> free;        // as the device sees it now, everybody's use counted
  std::optional<Bytes> used_by_us;  // by this process alone, where the probe can tell
  std::string source;               // "ggml", "nvml", "amdgpu", "meminfo", "cgroup", "process"
  Clock::TimePoint taken_at{};
  // The probe lists the processes that use the device, and this one is not among them. Either it uses nothing there, or
  // the probe cannot see it under its own number (a pid namespace): known once it has been listed (see device::Meter).
  bool unlisted = false;
  std::string own_source{};  // who said used_by_us or unlisted, where several probes contributed; else as source
  friend bool operator==(const MemoryReading&, const MemoryReading&) = default;
};

// As it will be read when this process is gone, or has given everything back.
[[nodiscard]] inline MemoryReading without_our_use(MemoryReading reading) {
  if (reading.total && reading.free && reading.used_by_us)
    reading.free = std::min(*reading.total, *reading.free + *reading.used_by_us);
  reading.used_by_us.reset();
  return reading;
}

}  // namespace plimsoll::device
