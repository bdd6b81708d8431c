#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "nvml.hpp"

namespace plimsoll::device {
namespace {

constexpr int kNvmlSuccess = 0;
constexpr unsigned long long kNvmlUnknown = ~0ULL;  // NVML_VALUE_NOT_AVAILABLE
constexpr int kNvmlTooSmall = 7;                    // NVML_ERROR_INSUFFICIENT_SIZE
constexpr unsigned int kProcesses = 256;            // at first; more where there are more

// The kernel's PROC_PID_INIT_INO: the pid namespace of the machine itself.
constexpr ino_t kMachinesPidNamespace = 0xEFFFFFFCU;

bool is_in_machines_pid_namespace() {
  struct stat found{};
  return ::stat("/proc/self/ns/pid", &found) == 0 && found.st_ino == kMachinesPidNamespace;
}

bool is_process_here(unsigned int pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH; }

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
  functions.graphics_processes =
      symbol<decltype(functions.graphics_processes)>(library, "nvmlDeviceGetGraphicsRunningProcesses_v3");
  functions.mig_mode = symbol<decltype(functions.mig_mode)>(library, "nvmlDeviceGetMigMode");
  functions.device_by_uuid = symbol<decltype(functions.device_by_uuid)>(library, "nvmlDeviceGetHandleByUUID");
  if (!is_in_machines_pid_namespace()) functions.is_process_here = is_process_here;
  return functions;
}

using ListProcesses = int (*)(void*, unsigned int*, NvmlProcess*);

// Empty: the list cannot be had.
std::optional<std::vector<NvmlProcess>> listed(ListProcesses list, void* handle) {
  if (list == nullptr) return std::nullopt;
  std::vector<NvmlProcess> processes(kProcesses);
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto count = static_cast<unsigned int>(processes.size());
    const int status = list(handle, &count, processes.data());
    if (status == kNvmlSuccess) {
      processes.resize(std::min<std::size_t>(count, processes.size()));
      return processes;
    }
    if (status != kNvmlTooSmall) return std::nullopt;
    processes.resize(2 * std::max<std::size_t>(count, processes.size()));  // others come while we look
  }
  return std::nullopt;
}

// What a list says of this process: a sum over the card's slices, where it is in several.
struct NvmlUse {
  bool is_listed = false;
  std::optional<Bytes> bytes;  // empty: it is listed, and how much it uses is not told
};

// The library names processes as the machine numbers them, whatever pid namespace asks: who has our number there is
// another one. A list with a process that is not here shows that. 0 is no number.
bool has_others_numbers(const std::vector<NvmlProcess>& processes, bool (*is_here)(unsigned int)) {
  return is_here != nullptr && std::ranges::any_of(processes, [is_here](const NvmlProcess& process) {
           return process.pid != 0 && !is_here(process.pid);
         });
}

NvmlUse own_use_in(const std::vector<NvmlProcess>& processes) {
  NvmlUse own;
  bool told = true;
  Bytes sum;
  for (const NvmlProcess& process : processes) {
    if (std::cmp_not_equal(process.pid, getpid())) continue;
    own.is_listed = true;
    told = told && process.used_gpu_memory != kNvmlUnknown;
    if (told) sum += Bytes{process.used_gpu_memory};
  }
  if (own.is_listed && told) own.bytes = sum;
  return own;
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
  MemoryReading reading{.total = {}, .free = {}, .used_by_us = {}, .source = "nvml", .taken_at = clock_.now()};
  unsigned int sliced = 0;
  unsigned int pending = 0;
  if (functions_.mig_mode == nullptr || functions_.mig_mode(handle, &sliced, &pending) != kNvmlSuccess) sliced = 0;
  bool whole = true;
  if (sliced != 0) {
    // The engine has a slice of it (MIG). Where that cannot be found here, only the lists of the whole card are used:
    // its total and free are not the slice's.
    void* slice = nullptr;
    const std::string name = "MIG-" + device.uuid.value_or("");
    whole = device.uuid && functions_.device_by_uuid != nullptr &&
            functions_.device_by_uuid(name.c_str(), &slice) == kNvmlSuccess;
    if (whole) handle = slice;
  }
  if (whole) {
    NvmlMemory memory;
    if (functions_.memory_info(handle, &memory) != kNvmlSuccess || memory.total == 0) return std::nullopt;
    reading.total = Bytes{memory.total};
    reading.free = Bytes{memory.free};
  }
  read_own_use(handle, reading);
  return reading;
}

// A process with Vulkan's device is in both lists with one figure, so the larger counts, not the sum. Inside a
// container the library may see other process numbers than we do, and never list us, or list another one under ours.
void NvmlProbe::read_own_use(void* handle, MemoryReading& reading) const {
  const std::array lists{listed(functions_.compute_processes, handle), listed(functions_.graphics_processes, handle)};
  if (std::ranges::any_of(lists, [this](const auto& processes) {
        return processes && has_others_numbers(*processes, functions_.is_process_here);
      })) {
    was_listed_.store(false, std::memory_order_relaxed);
    return;  // not `unlisted`: a reading before may have taken another's use for ours
  }
  bool any_list = false;
  bool is_listed = false;
  for (const auto& processes : lists) {
    if (!processes) continue;
    any_list = true;
    const NvmlUse own = own_use_in(*processes);
    is_listed = is_listed || own.is_listed;
    if (own.bytes) reading.used_by_us = std::max(reading.used_by_us.value_or(Bytes{}), *own.bytes);
  }
  if (reading.used_by_us) {
    was_listed_.store(true, std::memory_order_relaxed);
  } else if (any_list && !is_listed) {
    if (was_listed_.load(std::memory_order_relaxed)) reading.used_by_us = Bytes{};
    reading.unlisted = !reading.used_by_us;
  }
}

std::unique_ptr<Probe> make_nvml_probe(const Clock& clock) {
  return std::make_unique<NvmlProbe>(clock, open_library());
}

}  // namespace plimsoll::device
