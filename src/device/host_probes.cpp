#include "files.hpp"
#include "probes.hpp"

namespace plimsoll::device {
namespace {

// Under a sanitizer most of a process is shadow memory, which grows with whatever is touched. Measured, it would be
// taken for what a backend keeps; so in such builds a process is said to use a constant, and nothing grows.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsMostlyShadow = true;
#else
constexpr bool kIsMostlyShadow = false;
#endif

}  // namespace

std::optional<MemoryReading> MeminfoProbe::read(const DeviceInfo& device) const {
  if (!device.memory_is_hosts) return std::nullopt;
  const auto total = kib_field(proc_ / "meminfo", "MemTotal:");
  if (!total) return std::nullopt;
  return MemoryReading{.total = total,
                       .free = kib_field(proc_ / "meminfo", "MemAvailable:"),
                       .used_by_us = std::nullopt,
                       .source = "meminfo",
                       .taken_at = clock_.now()};
}

std::optional<MemoryReading> ProcessProbe::read(const DeviceInfo& device) const {
  if (!device.memory_is_hosts) return std::nullopt;
  const auto anonymous = kib_field(proc_ / "self/status", "RssAnon:");
  const auto shared = kib_field(proc_ / "self/status", "RssShmem:");
  if (!anonymous || !shared) return std::nullopt;
  const Bytes used = kIsMostlyShadow && proc_ == "/proc" ? Bytes{1} : *anonymous + *shared;
  return MemoryReading{.total = {}, .free = {}, .used_by_us = used, .source = "process", .taken_at = clock_.now()};
}

}  // namespace plimsoll::device
