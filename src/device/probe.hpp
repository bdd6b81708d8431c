// Probe: one way to read a device's memory. Reading must be cheap and must not change the device
// (no CUDA context is made just to look).
#pragma once
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <plimsoll/device/device.hpp>
#include "base/clock.hpp"

namespace plimsoll::device {

class Probe {
 public:
  virtual ~Probe() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  // Empty where this probe cannot say anything about the device. Any thread.
  [[nodiscard]] virtual std::optional<MemoryReading> read(const DeviceInfo& device) const = 0;
  // Reading would give this process a device context, half a gigabyte on some cards: skipped where another probe knows
  // the device's total.
  [[nodiscard]] virtual bool makes_context(const DeviceInfo&) const noexcept { return false; }
};

// Asks several probes in order and merges them field by field: the first that knows a field wins,
// `source` names every probe that contributed ("nvml+ggml"). One that makes a context is asked only where it must be.
class ProbeChain final : public Probe {
 public:
  explicit ProbeChain(std::vector<std::unique_ptr<Probe>> probes) : probes_(std::move(probes)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "chain"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;
  [[nodiscard]] const std::vector<std::unique_ptr<Probe>>& probes() const noexcept { return probes_; }

 private:
  std::vector<std::unique_ptr<Probe>> probes_;
};

// The probes of this machine, best first: NVML, amdgpu sysfs, cgroup, /proc/meminfo, this process, ggml's registry.
[[nodiscard]] std::unique_ptr<ProbeChain> make_system_probes(const Clock& clock);

}  // namespace plimsoll::device
