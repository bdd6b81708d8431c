#include "device/probe.hpp"

#include "probes.hpp"

namespace plimsoll::device {

namespace {

bool knows_own_use(const MemoryReading& reading) { return reading.used_by_us || reading.unlisted; }

// Fields that were unknown so far. False: it had nothing new.
bool add(MemoryReading& merged, const MemoryReading& reading) {
  bool contributed = false;
  // total and free belong together: taking them from two probes could say more free than there is.
  if (!merged.total && reading.total) {
    merged.total = reading.total;
    merged.free = reading.free;
    contributed = true;
  }
  if (!knows_own_use(merged) && knows_own_use(reading)) {
    merged.used_by_us = reading.used_by_us;
    merged.unlisted = reading.unlisted;
    merged.own_source = reading.source;
    contributed = true;
  }
  return contributed;
}

}  // namespace

std::optional<MemoryReading> ProbeChain::read(const DeviceInfo& device) const {
  std::optional<MemoryReading> merged;
  for (const auto& probe : probes_) {
    if (merged && merged->total && probe->makes_context(device)) continue;
    const auto reading = probe->read(device);
    if (!reading || (!reading->total && !knows_own_use(*reading))) continue;
    if (!merged) {
      merged = MemoryReading{.total = {}, .free = {}, .used_by_us = {}, .source = {}, .taken_at = reading->taken_at};
    }
    if (add(*merged, *reading)) merged->source += (merged->source.empty() ? "" : "+") + reading->source;
  }
  return merged;
}

std::unique_ptr<ProbeChain> make_system_probes(const Clock& clock) {
  std::vector<std::unique_ptr<Probe>> probes;
  probes.push_back(make_nvml_probe(clock));
  probes.push_back(std::make_unique<AmdgpuProbe>(clock));
  probes.push_back(std::make_unique<CgroupProbe>(clock));
  probes.push_back(std::make_unique<MeminfoProbe>(clock));
  probes.push_back(std::make_unique<ProcessProbe>(clock));
  probes.push_back(std::make_unique<GgmlProbe>(clock));
  return std::make_unique<ProbeChain>(std::move(probes));
}

}  // namespace plimsoll::device
