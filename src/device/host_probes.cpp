#include <algorithm>

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

// What a group holds that the kernel would not give up for the asking. Reading a model file fills the group with page
// cache: that is available, as MemAvailable counts it for the whole machine.
std::optional<Bytes> held_by(const std::filesystem::path& group) {
  const auto current = whole_file_bytes(group / "memory.current");
  if (!current) return std::nullopt;
  const auto cache = [&](std::string_view key) { return Bytes{number_field(group / "memory.stat", key).value_or(0)}; };
  return saturating_sub(*current, cache("inactive_file ") + cache("active_file "));
}

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

std::optional<MemoryReading> CgroupProbe::read(const DeviceInfo& device) const {
  if (!device.memory_is_hosts) return std::nullopt;
  std::ifstream groups(proc_ / "self/cgroup");
  std::string line;
  std::filesystem::path group;
  while (std::getline(groups, line)) {
    if (line.starts_with("0::/")) group = line.substr(4);
  }
  MemoryReading reading{.total = {}, .free = {}, .used_by_us = {}, .source = "cgroup", .taken_at = clock_.now()};
  bool free_is_known = true;
  for (std::filesystem::path at = group;; at = at.parent_path()) {
    if (const auto limit = whole_file_bytes(cgroup_ / at / "memory.max")) {
      reading.total = std::min(reading.total.value_or(*limit), *limit);
      const auto held = held_by(cgroup_ / at);
      const Bytes room = saturating_sub(*limit, held.value_or(Bytes{}));
      reading.free = std::min(reading.free.value_or(room), room);
      free_is_known = free_is_known && held;
    }
    if (at.empty()) break;
  }
  if (!reading.total) return std::nullopt;
  // A limit above what the machine has limits nothing; and the machine may be fuller than the group.
  if (const auto machine = kib_field(proc_ / "meminfo", "MemTotal:")) {
    if (*reading.total >= *machine) return std::nullopt;
  }
  if (const auto available = kib_field(proc_ / "meminfo", "MemAvailable:"))
    reading.free = std::min(*reading.free, *available);
  if (!free_is_known) reading.free.reset();
  return reading;
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
