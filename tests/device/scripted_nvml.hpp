// scripted_nvml: NVIDIA's management library as a card would make it answer, one script at a time. The library is a
// table of plain functions, so the script they answer from is one for the program.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "nvml.hpp"

namespace plimsoll::device {

inline constexpr int kNvmlOk = 0;
inline constexpr int kNvmlNotFound = 6;
inline constexpr int kNvmlTooSmall = 7;

struct ListedProcess {
  unsigned int pid = 0;
  Bytes bytes{};
  unsigned int slice = 0;
};

struct NvmlScript {
  std::string pci_id = "0000:c1:00.0";
  Bytes total{};
  Bytes used{};  // by everybody, the driver's own share included
  std::vector<ListedProcess> compute{};
  std::vector<ListedProcess> graphics{};
  bool lists_fail = false;

  bool sliced = false;  // MIG
  std::string slice_uuid{};
  Bytes slice_total{};
  Bytes slice_used{};
};

inline NvmlScript& nvml_script() {
  static NvmlScript script;
  return script;
}

[[nodiscard]] inline unsigned int our_pid() { return static_cast<unsigned int>(getpid()); }

inline int answer_with(const std::vector<ListedProcess>& list, unsigned int* count, NvmlProcess* processes) {
  if (nvml_script().lists_fail) return kNvmlNotFound;
  const unsigned int room = *count;
  *count = static_cast<unsigned int>(list.size());
  if (room < list.size()) return kNvmlTooSmall;
  std::ranges::transform(list, processes, [](const ListedProcess& one) {
    return NvmlProcess{
        .pid = one.pid, .used_gpu_memory = one.bytes.value(), .gpu_instance_id = one.slice, .compute_instance_id = 0};
  });
  return kNvmlOk;
}

// A handle is the address of one of these: the card, or its slice.
inline char card_handle = 0;
inline char slice_handle = 0;

[[nodiscard]] inline NvmlFunctions scripted_nvml(NvmlScript script) {
  nvml_script() = std::move(script);
  return {
      .init = [] { return kNvmlOk; },
      .device_by_pci_id =
          [](const char* pci_id, void** handle) {
            *handle = &card_handle;
            return nvml_script().pci_id == pci_id ? kNvmlOk : kNvmlNotFound;
          },
      .memory_info =
          [](void* handle, NvmlMemory* memory) {
            const bool slice = handle == &slice_handle;
            const Bytes total = slice ? nvml_script().slice_total : nvml_script().total;
            const Bytes used = slice ? nvml_script().slice_used : nvml_script().used;
            *memory = {.total = total.value(), .free = (total - used).value(), .used = used.value()};
            return kNvmlOk;
          },
      .compute_processes = [](void*, unsigned int* count,
                              NvmlProcess* processes) { return answer_with(nvml_script().compute, count, processes); },
      .graphics_processes =
          [](void*, unsigned int* count, NvmlProcess* processes) {
            return answer_with(nvml_script().graphics, count, processes);
          },
      .mig_mode =
          [](void*, unsigned int* current, unsigned int* pending) {
            *current = *pending = nvml_script().sliced ? 1 : 0;
            return kNvmlOk;
          },
      .device_by_uuid =
          [](const char* uuid, void** handle) {
            *handle = &slice_handle;
            return "MIG-" + nvml_script().slice_uuid == uuid ? kNvmlOk : kNvmlNotFound;
          }};
}

}  // namespace plimsoll::device
