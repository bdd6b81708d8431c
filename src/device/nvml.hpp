// The few calls of NVIDIA's management library that we use, as a table, so that a test can stand in for the library.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "probes.hpp"

namespace plimsoll::device {

// Layouts are those of nvml.h (CUDA 12 and later); only what we read is named.
struct NvmlMemory {
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};
struct NvmlProcess {
  unsigned int pid = 0;
  unsigned long long used_gpu_memory = 0;
  unsigned int gpu_instance_id = 0;
  unsigned int compute_instance_id = 0;
};

struct NvmlFunctions {
  int (*init)() = nullptr;
  int (*device_by_pci_id)(const char*, void**) = nullptr;
  int (*memory_info)(void*, NvmlMemory*) = nullptr;
  int (*compute_processes)(void*, unsigned int*, NvmlProcess*) = nullptr;  // may be null: older libraries
};

class NvmlProbe final : public Probe {
 public:
  NvmlProbe(const Clock& clock, NvmlFunctions functions);
  [[nodiscard]] std::string_view name() const noexcept override { return "nvml"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  [[nodiscard]] std::optional<Bytes> used_by_this_process(void* handle) const;

  const Clock& clock_;
  NvmlFunctions functions_;
  bool ready_ = false;
};

}  // namespace plimsoll::device
