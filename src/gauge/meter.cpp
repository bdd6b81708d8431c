#include <plimsoll/gauge/meter.hpp>

#include <algorithm>

namespace plimsoll::gauge {
namespace {

bool same_memory(const device::DeviceInfo& a, const device::DeviceInfo& b) {
  return a.id == b.id || (a.memory_is_hosts && b.memory_is_hosts);
}

std::string spelled_out(const std::string& source, bool own_use) {
  if (!own_use) return "total less free of " + source;
  return source.ends_with("process") ? "RssAnon + RssShmem of this process" : "this process's use as told by " + source;
}

}  // namespace

Meter::Meter(const device::Probe& probe, std::vector<device::DeviceInfo> devices) : probe_(probe) {
  // Accelerators first, so that one of them stands for a memory it shares with the host.
  std::ranges::stable_partition(devices, [](const device::DeviceInfo& info) { return !info.id.is_host(); });
  for (device::DeviceInfo& info : devices) {
    const auto known = [&](const device::DeviceInfo& other) { return same_memory(info, other); };
    if (std::ranges::none_of(memories_, known)) memories_.push_back(std::move(info));
  }
}

Meter::Reading Meter::read() const {
  Reading reading;
  for (const device::DeviceInfo& info : memories_) {
    const auto said = probe_.read(info);
    Bytes bytes;
    if (said && said->used_by_us) {
      bytes = *said->used_by_us;
    } else if (said && said->total && said->free) {
      bytes = saturating_sub(*said->total, *said->free);
    }
    reading.push_back(bytes);
  }
  return reading;
}

std::string Meter::how() const {
  std::string text;
  for (const device::DeviceInfo& info : memories_) {
    const auto said = probe_.read(info);
    const std::string one = said ? spelled_out(said->source, said->used_by_us.has_value()) : "no probe answers";
    text += (text.empty() ? "" : "; ") + info.id.name() + ": " + one;
  }
  return text;
}

Bytes growth(const Meter::Reading& before, const Meter::Reading& after) {
  Bytes sum;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) sum += saturating_sub(after[i], before[i]);
  return sum;
}

}  // namespace plimsoll::gauge
