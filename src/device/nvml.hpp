// The few calls of NVIDIA's management library that we use, as a table, so that a test can stand in for the library.
#pragma once
#include <atomic>
#include <string>

#include "base/clock.hpp"
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
  // Older libraries may lack these; null then.
  int (*compute_processes)(void*, unsigned int*, NvmlProcess*) = nullptr;
  int (*graphics_processes)(void*, unsigned int*, NvmlProcess*) = nullptr;
  int (*mig_mode)(void*, unsigned int* current, unsigned int* pending) = nullptr;
  int (*device_by_uuid)(const char*, void**) = nullptr;
  // Not of the library: whether a process of that number can be seen from here. Null: all can, since this process is in
  // no pid namespace of its own.
  bool (*is_process_here)(unsigned int pid) = nullptr;
};

class NvmlProbe final : public Probe {
 public:
  NvmlProbe(const Clock& clock, NvmlFunctions functions);
  [[nodiscard]] std::string_view name() const noexcept override { return "nvml"; }
  [[nodiscard]] std::optional<MemoryReading> read(const DeviceInfo& device) const override;

 private:
  // used_by_us and unlisted of the card, or of the slice of it.
  void read_own_use(void* handle, MemoryReading& reading) const;

  const Clock& clock_;
  NvmlFunctions functions_;
  bool ready_ = false;
  // The library has listed this process once, so it sees it: not to be listed is to use nothing.
  mutable std::atomic<bool> was_listed_ = false;
};

}  // namespace plimsoll::device
