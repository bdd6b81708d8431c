#include <plimsoll/device/registry.hpp>

#include <ggml-backend.h>

#include <algorithm>
#include <array>

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

DeviceInfo describe(ggml_backend_dev_t device) {
  ggml_backend_dev_props properties{};
  ggml_backend_dev_get_props(device, &properties);
  DeviceInfo info;
  info.id = DeviceId{ggml_backend_dev_name(device)};
  info.type = type_of(properties.type);
  info.backend = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
  info.description = ggml_backend_dev_description(device);
  if (properties.device_id != nullptr) info.pci_id = properties.device_id;
  info.memory_is_hosts =
      info.type == DeviceType::cpu || info.type == DeviceType::integrated_gpu || is_software(info.description);
  return info;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    DeviceInfo info = describe(ggml_backend_dev_get(i));
    if (info.type != DeviceType::accelerator) devices.push_back(std::move(info));
  }
  return devices;
}

std::optional<DeviceInfo> find_device(std::string_view name) {
  for (DeviceInfo& device : list_devices()) {
    if (device.id.name() == name) return std::move(device);
  }
  return std::nullopt;
}

}  // namespace plimsoll::device
