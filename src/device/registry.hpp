// registry: the devices that ggml's loaded backends offer.
#pragma once
#include <vector>

#include <plimsoll/device/device.hpp>

namespace plimsoll::device {

// In ggml's order, accelerators first as its backends registered them. Makes no device context and loads nothing: the
// caller has started the backends (engine::start_backends). Pure accelerators of the CPU (BLAS) are not places that
// hold bytes and are left out.
[[nodiscard]] std::vector<DeviceInfo> list_devices();

// Fills `same_memory_as`: cards of one PCI address, or one UUID, are one memory, whatever backends offer
// them; other UUIDs at one address are slices, with a memory each. Pure.
void mark_shared_memory(std::vector<DeviceInfo>& devices);

}  // namespace plimsoll::device
