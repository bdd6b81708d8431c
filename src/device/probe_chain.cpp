#include <plimsoll/device/probe.hpp>

#include "probes.hpp"

namespace plimsoll::device {

std::optional<MemoryReading> ProbeChain::read(const DeviceInfo& device) const {
  std::optional<MemoryReading> merged;
  for (const auto& probe : probes_) {
    const auto reading = probe->read(device);
    if (!reading || (!reading->total && !reading->used_by_us)) continue;
    if (!merged) {
      merged = MemoryReading{.total = {}, .free = {}, .used_by_us = {}, .source = {}, .taken_at = reading->taken_at};
    }
    // total and free belong together: taking them from two probes could say more free than there is.
    bool contributed = false;
    if (!merged->total && reading->total) {
      merged->total = reading->total;
      merged->free = reading->free;
      contributed = true;
    }
    if (!merged->used_by_us && reading->used_by_us) {
      merged->used_by_us = reading->used_by_us;
      contributed = true;
    }
    if (contributed) merged->source += (merged->source.empty() ? "" : "+") + reading->source;
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
