// memory_key: a device's memory, as other processes know it.
#pragma once
#include <plimsoll/device/device.hpp>
#include "broker/memory_key.hpp"

namespace plimsoll::device {

[[nodiscard]] inline broker::MemoryKey memory_key(const DeviceInfo& info) {
  if (info.memory_is_hosts) return broker::host_key();
  return {
      .pci = info.pci_id.value_or(""), .uuid = info.uuid.value_or(""), .name = info.id.name() + " " + info.description};
}

}  // namespace plimsoll::device
