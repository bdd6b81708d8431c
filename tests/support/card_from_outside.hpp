// CardFromOutside: how full a device is, read past everything that this project reads it by.
#pragma once
#include <dlfcn.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <plimsoll/device/device.hpp>

#include "small_models.hpp"

namespace plimsoll::test {

// The whole card's use, everybody's: NVIDIA's library, or amdgpu's counter. Nothing is subtracted and no process is
// looked for. A device in the host's memory has no counter of its own: there it is this process's pages.
class CardFromOutside {
 public:
  explicit CardFromOutside(const device::DeviceInfo& info) : info_(info) { (void)used(); }

  [[nodiscard]] Bytes used() const {
    if (info_.memory_is_hosts) return process_memory();
    if (!info_.pci_id) throw std::runtime_error("it is not known where " + info_.id.name() + " is");
    const std::filesystem::path amd = "/sys/bus/pci/devices/" + *info_.pci_id + "/mem_info_vram_used";
    if (std::uint64_t bytes = 0; std::ifstream(amd) >> bytes) return Bytes{bytes};
    return used_by_nvml();
  }

 private:
  [[nodiscard]] Bytes used_by_nvml() const {
    void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (library == nullptr) throw std::runtime_error("nothing tells from outside how full " + info_.id.name() + " is");
    const auto init = reinterpret_cast<int (*)()>(dlsym(library, "nvmlInit_v2"));
    const auto find =
        reinterpret_cast<int (*)(const char*, void**)>(dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"));
    struct Memory {
      unsigned long long total, free, used;
    };
    const auto read = reinterpret_cast<int (*)(void*, Memory*)>(dlsym(library, "nvmlDeviceGetMemoryInfo"));
    void* card = nullptr;
    Memory memory{};
    if (init() != 0 || find(info_.pci_id->c_str(), &card) != 0 || read(card, &memory) != 0)
      throw std::runtime_error("NVML does not read " + *info_.pci_id);
    return Bytes{memory.used};
  }

  device::DeviceInfo info_;
};

}  // namespace plimsoll::test
