#include "device/registry.hpp"

#include <ggml-backend.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "device/rpc_servers.hpp"

#include "driver_ids.hpp"

namespace plimsoll::device {
namespace {

DeviceType type_of(enum ggml_backend_dev_type type) {
  switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_CPU:
      return DeviceType::cpu;
    case GGML_BACKEND_DEVICE_TYPE_GPU:
      return DeviceType::gpu;
    case GGML_BACKEND_DEVICE_TYPE_IGPU:
      return DeviceType::integrated_gpu;
    case GGML_BACKEND_DEVICE_TYPE_ACCEL:
    case GGML_BACKEND_DEVICE_TYPE_META:
      break;
  }
  return DeviceType::accelerator;
}

// Rasterizers that run on the CPU call themselves a GPU; their memory is the host's all the same.
bool is_software(std::string_view description) {
  static constexpr std::array<std::string_view, 3> kNames{"llvmpipe", "lavapipe", "SwiftShader"};
  return std::ranges::any_of(kNames, [&](std::string_view name) { return description.contains(name); });
}

// Where a card is. ggml's properties tell it too, but on CUDA and its likes reading them makes a device context: they
// are the last resort there.
void locate(ggml_backend_dev_t device, const DriverFunctions& driver, DeviceInfo& info) {
  if (auto ids = card_ids(driver, info.id.name())) {
    info.pci_id = std::move(ids->pci_id);
    info.uuid = std::move(ids->uuid);
    return;
  }
  ggml_backend_dev_props properties{};
  ggml_backend_dev_get_props(device, &properties);
  if (properties.device_id != nullptr) info.pci_id = normalized_pci_id(properties.device_id);
}

DeviceInfo describe(ggml_backend_dev_t device, const Drivers& drivers) {
  DeviceInfo info;
  info.id = DeviceId{ggml_backend_dev_name(device)};
  info.type = type_of(ggml_backend_dev_type(device));
  info.backend = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
  info.description = ggml_backend_dev_description(device);
  info.memory_is_hosts =
      info.type == DeviceType::cpu || info.type == DeviceType::integrated_gpu || is_software(info.description);
  const bool is_here = info.backend != kRpcBackend;  // one that is not would be asked over the network
  if (is_here && info.type != DeviceType::cpu && info.type != DeviceType::accelerator)
    locate(device, drivers(info.backend), info);
  return info;
}

}  // namespace

void mark_shared_memory(std::vector<DeviceInfo>& devices) {
  for (auto device = devices.begin(); device != devices.end(); ++device) {
    if (device->memory_is_hosts) continue;
    const auto first = std::find_if(devices.begin(), device, [&](const DeviceInfo& earlier) {
      // Those that stand for a memory: what shares one shares it with them, not with each other.
      if (earlier.memory_is_hosts || earlier.memory() != earlier.id) return false;
      if (earlier.uuid && device->uuid) return earlier.uuid == device->uuid;  // another one is another slice
      return device->pci_id && earlier.pci_id == device->pci_id;
    });
    if (first != device) device->same_memory_as = first->id;
  }
}

std::vector<DeviceInfo> list_devices(const Drivers& drivers) {
  std::vector<DeviceInfo> devices;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    DeviceInfo info = describe(ggml_backend_dev_get(i), drivers);
    if (info.type != DeviceType::accelerator) devices.push_back(std::move(info));
  }
  mark_shared_memory(devices);
  return devices;
}

std::vector<DeviceInfo> list_devices() { return list_devices(driver_of); }

}  // namespace plimsoll::device
