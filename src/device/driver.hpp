// driver: which driver computes on a device. It decides what a backend takes for itself, so measurements belong to one
// version of it.
#pragma once
#include <filesystem>
#include <string>

#include <plimsoll/device/device.hpp>

namespace plimsoll::device {

// "nvidia 580.159.04", and for Vulkan a fingerprint of the installed drivers' manifests, which are written anew with
// each version of them; empty where nothing is known, and for the host. Two calls give the same text unless a driver
// was changed. `root`: where /sys, /proc, /etc and /usr are; tests have another.
[[nodiscard]] std::string driver_version(const DeviceInfo& device, const std::filesystem::path& root = "/");

}  // namespace plimsoll::device
