#include <dlfcn.h>
#include <unistd.h>

#include <utility>

#include "nvml.hpp"

namespace plimsoll::device {
namespace {

constexpr int kNvmlSuccess = 0;
constexpr unsigned long long kNvmlUnknown = ~0ULL;  // NVML_VALUE_NOT_AVAILABLE
constexpr unsigned int kMostProcesses = 256;

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

NvmlFunctions open_library() {
  NvmlFunctions functions;
  // Left open for the life of the process: closing would end NVML for others in it.
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return functions;
  functions.init = symbol<decltype(functions.init)>(library, "nvmlInit_v2");
  functions.device_by_pci_id =
      symbol<decltype(functions.device_by_pci_id)>(library, "nvmlDeviceGetHandleByPciBusId_v2");
  functions.memory_info = symbol<decltype(functions.memory_info)>(library, "nvmlDeviceGetMemoryInfo");
  functions.compute_processes =
      symbol<decltype(functions.compute_processes)>(library, "nvmlDeviceGetComputeRunningProcesses_v3");
  return functions;
}

}  // namespace

NvmlProbe::NvmlProbe(const Clock& clock, NvmlFunctions functions) : clock_(clock), functions_(functions) {
  ready_ = functions_.init != nullptr && functions_.device_by_pci_id != nullptr && functions_.memory_info != nullptr &&
           functions_.init() == kNvmlSuccess;
}

std::optional<MemoryReading> NvmlProbe::read(const DeviceInfo& device) const {
  void* handle = nullptr;
  if (!ready_ || !device.pci_id || functions_.device_by_pci_id(device.pci_id->c_str(), &handle) != kNvmlSuccess) {
    return std::nullopt;
  }
  NvmlMemory memory;
  if (functions_.memory_info(handle, &memory) != kNvmlSuccess || memory.total == 0) return std::nullopt;
  return MemoryReading{.total = Bytes{memory.total},
                       .free = Bytes{memory.free},
                       .used_by_us = used_by_this_process(handle),
                       .source = "nvml",
                       .taken_at = clock_.now()};
}

std::optional<Bytes> NvmlProbe::used_by_this_process(void* handle) const {
  if (functions_.compute_processes == nullptr) return std::nullopt;
  std::vector<NvmlProcess> processes(kMostProcesses);
  unsigned int count = kMostProcesses;
  if (functions_.compute_processes(handle, &count, processes.data()) != kNvmlSuccess) return std::nullopt;
  for (unsigned int i = 0; i < count; ++i) {
    if (std::cmp_not_equal(processes[i].pid, getpid()) || processes[i].used_gpu_memory == kNvmlUnknown) continue;
    return Bytes{processes[i].used_gpu_memory};
  }
  return std::nullopt;  // inside a container the library may see other process numbers than we do
}

std::unique_ptr<Probe> make_nvml_probe(const Clock& clock) {
  return std::make_unique<NvmlProbe>(clock, open_library());
}

}  // namespace plimsoll::device
