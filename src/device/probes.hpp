// The probes of this machine, each behind device::Probe. File roots can be moved, so that tests read fixtures.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>

#include "device/probe.hpp"

namespace plimsoll::device {

// What the backend itself says. A backend that says 0 of 0 does not know, and is taken at that.
class GgmlProbe final : public Probe {
 public:
  explicit GgmlProbe(const Clock& clock) : clock_(clock) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "ggml"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;
  // Seen in the source of ggml 0.21: CUDA and its likes select the device and ask their runtime, which makes a context;
  // Vulkan asks the physical device, which makes none. Of others nothing is known.
  [[nodiscard]] bool makes_context(const DeviceInfo& device) const noexcept override {
    return device.backend != "CPU" && device.backend != "Vulkan";
  }

 private:
  const Clock& clock_;
};

// Who asks a backend about a device: one of another machine may wait for others, or without an end, or end the process.
// False: it cannot be asked now, and was not. Of the whole process; without one every backend is asked. Any thread.
using AskBackend = bool (*)(const DeviceInfo& device, const std::function<void()>& question);
void ask_backends_by(AskBackend ask) noexcept;

// The host, from /proc/meminfo: MemTotal, and MemAvailable as free.
class MeminfoProbe final : public Probe {
 public:
  explicit MeminfoProbe(const Clock& clock, std::filesystem::path proc = "/proc")
      : clock_(clock), proc_(std::move(proc)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "meminfo"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  const Clock& clock_;
  std::filesystem::path proc_;
};

// The host's limit for this process, from its control groups: the tightest from our own group up to the root, of v2
// (memory.max, memory.high) and of v1 (memory.limit_in_bytes, hierarchical_memory_limit).
class CgroupProbe final : public Probe {
 public:
  explicit CgroupProbe(const Clock& clock, std::filesystem::path proc = "/proc",
                       std::filesystem::path cgroup = "/sys/fs/cgroup")
      : clock_(clock), proc_(std::move(proc)), cgroup_(std::move(cgroup)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "cgroup"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  const Clock& clock_;
  std::filesystem::path proc_;
  std::filesystem::path cgroup_;
};

// What this process holds of the host's memory: RssAnon + RssShmem. Says nothing about total or free.
class ProcessProbe final : public Probe {
 public:
  explicit ProcessProbe(const Clock& clock, std::filesystem::path proc = "/proc")
      : clock_(clock), proc_(std::move(proc)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "process"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  const Clock& clock_;
  std::filesystem::path proc_;
};

// AMD's kernel driver, from sysfs; our own use from the fdinfo of open render nodes.
class AmdgpuProbe final : public Probe {
 public:
  explicit AmdgpuProbe(const Clock& clock, std::filesystem::path sys = "/sys", std::filesystem::path proc = "/proc")
      : clock_(clock), sys_(std::move(sys)), proc_(std::move(proc)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "amdgpu"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  const Clock& clock_;
  std::filesystem::path sys_;
  std::filesystem::path proc_;
};

// NVIDIA's management library, opened if it is there. It never makes a CUDA context: looking must cost nothing.
[[nodiscard]] std::unique_ptr<Probe> make_nvml_probe(const Clock& clock);

}  // namespace plimsoll::device
