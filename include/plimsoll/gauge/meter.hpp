// Meter: what this process holds on the devices a model uses, as the probes see it: for what no hook sees (the runtime
// stage).
#pragma once
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>
#include <plimsoll/device/probe.hpp>

namespace plimsoll::gauge {

// Several devices; those whose memory is the host's are one memory and are read once. The probe outlives the meter.
class Meter {
 public:
  Meter(const device::Probe& probe, std::vector<device::DeviceInfo> devices);

  // One figure for each memory, in the order of memories(). This process's own use where a probe can tell it, else
  // total less free, which counts everybody's. Bytes{} where neither is known: see how().
  using Reading = std::vector<Bytes>;
  [[nodiscard]] Reading read() const;

  // The device that stands for each memory: the first accelerator that has it, else the host.
  [[nodiscard]] const std::vector<device::DeviceInfo>& memories() const noexcept { return memories_; }
  // "process RssAnon + RssShmem" and the like, for reports.
  [[nodiscard]] std::string how() const;

 private:
  const device::Probe& probe_;
  std::vector<device::DeviceInfo> memories_;
};

// How much more `after` says than `before`, summed over the memories that grew. What shrank is not set off against it.
[[nodiscard]] Bytes growth(const Meter::Reading& before, const Meter::Reading& after);

}  // namespace plimsoll::gauge
