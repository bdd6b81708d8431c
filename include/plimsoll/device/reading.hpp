// MemoryReading: what one probe said about one device at one moment. Unknown is absent, never 0.
#pragma once
#include <optional>
#include <string>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/base/clock.hpp>

namespace plimsoll::device {

struct MemoryReading {
  std::optional<Bytes> total;
  std::optional<Bytes> free;        // as the device sees it now, everybody's use counted
  std::optional<Bytes> used_by_us;  // by this process alone, where the probe can tell
  std::string source;               // "ggml", "nvml", "amdgpu", "meminfo", "cgroup", "process"
  Clock::TimePoint taken_at{};
};

}  // namespace plimsoll::device
