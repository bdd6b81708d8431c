// Device: a place that holds bytes, and what is read of it: a ggml backend device by ggml's own name ("Vulkan0",
// "CUDA1"), or the host ("CPU").
#pragma once
#include <algorithm>
#include <chrono>
#include <compare>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll::device {

class DeviceId {
 public:
  DeviceId() = default;
  explicit DeviceId(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_host() const noexcept { return name_ == "CPU"; }
  friend auto operator<=>(const DeviceId&, const DeviceId&) = default;

 private:
  std::string name_;
};

// The host, under the name ggml gives its CPU device.
[[nodiscard]] inline DeviceId host() { return DeviceId{"CPU"}; }

enum class DeviceType { cpu, gpu, integrated_gpu, accelerator };

// What does not change while the process runs.
struct DeviceInfo {
  DeviceId id;
  DeviceType type = DeviceType::cpu;
  std::string backend;                // ggml's registry name: "CPU", "Vulkan", "CUDA", "RPC"
  std::string description;            // "NVIDIA H200", "llvmpipe (LLVM 21.1.8, 256 bits)"
  std::optional<std::string> pci_id;  // "0000:c1:00.0" where the backend knows it
  bool memory_is_hosts = false;       // its memory is the host's: llvmpipe, integrated GPUs
  std::optional<std::string> uuid{};  // "5c7a...-..." where the driver tells it: which slice of a card it is
  // The device that stands for this one's memory, where two backends offer one card: the first of them. Budgets, what
  // is free and what is committed are that memory's. Empty: its own.
  DeviceId same_memory_as{};
  friend bool operator==(const DeviceInfo&, const DeviceInfo&) = default;
  [[nodiscard]] const DeviceId& memory() const noexcept { return same_memory_as.name().empty() ? id : same_memory_as; }
};

// Whether bytes on one are bytes on the other.
[[nodiscard]] inline bool share_memory(const DeviceInfo& a, const DeviceInfo& b) {
  return a.memory() == b.memory() || (a.memory_is_hosts && b.memory_is_hosts);
}

// Whether bytes of the device of that name lie in this memory: its own name, or that of one of `devices` that shares
// it.
template <class Devices>
[[nodiscard]] bool lies_in(const DeviceId& device, const DeviceInfo& memory, const Devices& devices) {
  if (device == memory.id || device == memory.memory() || (memory.memory_is_hosts && device.is_host())) return true;
  return std::ranges::any_of(devices,
                             [&](const DeviceInfo& info) { return info.id == device && share_memory(info, memory); });
}

// MemoryReading: what one probe said about one device at one moment. Unknown is absent, never 0. total less free is
// what everybody uses, the driver's own share included; used_by_us is another thing, and the two are never subtracted.
struct MemoryReading {
  std::optional<Bytes> total;
  std::optional<Bytes> free;        // as the device sees it now, everybody's use counted
  std::optional<Bytes> used_by_us;  // by this process alone, where the probe can tell
  std::string source;               // "ggml", "nvml", "amdgpu", "meminfo", "cgroup", "process"
  std::chrono::system_clock::time_point taken_at{};
  // The probe lists the processes that use the device, and this one is not among them. Either it uses nothing there, or
  // the probe cannot see it under its own number (a pid namespace): known once it has been listed (see device::Meter).
  bool unlisted = false;
  std::string own_source{};  // who said used_by_us or unlisted, where several probes contributed; else as source
  friend bool operator==(const MemoryReading&, const MemoryReading&) = default;
};

// As it will be read when this process is gone, or has given everything back.
[[nodiscard]] inline MemoryReading without_our_use(MemoryReading reading) {
  if (reading.total && reading.free && reading.used_by_us)
    reading.free = std::min(*reading.total, *reading.free + *reading.used_by_us);
  reading.used_by_us.reset();
  return reading;
}

}  // namespace plimsoll::device

template <>
struct std::hash<plimsoll::device::DeviceId> {
  std::size_t operator()(const plimsoll::device::DeviceId& id) const noexcept {
    return std::hash<std::string>{}(id.name());
  }
};
