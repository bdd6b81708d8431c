#include "device/meter.hpp"

#include <algorithm>

namespace plimsoll::device {
namespace {

std::string spelled_out(const MemoryUse& use) {
  if (use.this_process && use.own_source == "process") return "RssAnon + RssShmem of this process";
  if (use.this_process) return "this process's use as told by " + use.own_source;
  if (!use.everybody) return "no probe answers";
  const std::string others = "total less free of " + use.source + ", which counts everybody's use";
  return use.unlisted ? others + " (" + use.own_source + " does not list this process)" : others;
}

// What this process used at one reading, seen from another: a probe that lists the process at the other one sees it, so
// where it did not list it, the process used nothing.
std::optional<Bytes> own_use(const MemoryUse& at, const MemoryUse& seen_from) {
  if (at.this_process) return at.this_process;
  return at.unlisted && seen_from.this_process ? std::optional(Bytes{}) : std::nullopt;
}

Growth between(Bytes before, Bytes after, Whose whose) {
  return {.bytes = saturating_sub(after, before), .shrunk = saturating_sub(before, after), .whose = whose};
}

}  // namespace

MemoryUse use_of(const std::optional<MemoryReading>& reading) {
  MemoryUse use;
  if (!reading) return use;
  use.this_process = reading->used_by_us;
  use.unlisted = reading->unlisted;
  if (reading->total && reading->free) use.everybody = saturating_sub(*reading->total, *reading->free);
  use.source = reading->source;
  use.own_source = reading->own_source.empty() ? reading->source : reading->own_source;
  return use;
}

Growth growth(const MemoryUse& before, const MemoryUse& after) {
  const auto ours_before = own_use(before, after);
  const auto ours_after = own_use(after, before);
  if (ours_before && ours_after && before.own_source == after.own_source)
    return between(*ours_before, *ours_after, Whose::this_process);
  if (before.everybody && after.everybody && before.source == after.source)
    return between(*before.everybody, *after.everybody, Whose::everybody);
  return {};
}

Meter::Meter(const Probe& probe, std::vector<DeviceInfo> devices) : probe_(probe) {
  // Accelerators first, so that one of them stands for a memory it shares with the host.
  std::ranges::stable_partition(devices, [](const DeviceInfo& info) { return !info.id.is_host(); });
  for (DeviceInfo& info : devices) {
    const auto known = [&](const DeviceInfo& other) { return share_memory(info, other); };
    if (std::ranges::none_of(memories_, known)) memories_.push_back(std::move(info));
  }
}

Meter::Reading Meter::read() const {
  Reading reading;
  for (const DeviceInfo& info : memories_) reading.push_back(use_of(probe_.read(info)));
  return reading;
}

std::string Meter::how() const {
  std::string text;
  for (const DeviceInfo& info : memories_)
    text += (text.empty() ? "" : "; ") + info.id.name() + ": " + spelled_out(use_of(probe_.read(info)));
  return text;
}

Bytes growth(const Meter::Reading& before, const Meter::Reading& after) {
  Bytes sum;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) sum += growth(before[i], after[i]).bytes;
  return sum;
}

}  // namespace plimsoll::device
