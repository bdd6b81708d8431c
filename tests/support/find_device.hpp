// find_device: one of the engine's devices by its name.
#pragma once
#include <optional>
#include <string_view>
#include <utility>

#include "device/registry.hpp"

namespace plimsoll::test {

// Empty: there is none of that name. After the backends are started.
[[nodiscard]] inline std::optional<device::DeviceInfo> find_device(std::string_view name) {
  for (device::DeviceInfo& device : device::list_devices()) {
    if (device.id.name() == name) return std::move(device);
  }
  return std::nullopt;
}

}  // namespace plimsoll::test
