// LoadLine: how far a device may be filled by us.
#pragma once
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>

namespace plimsoll::memory {

struct Percent {
  double value = 0;  // of the device's total, 0 < value <= 100
};

// How a line is asked for. No device means: every accelerator.
struct LineRequest {
  std::optional<device::DeviceId> device;
  std::variant<Bytes, Percent> amount;
};

// "Vulkan0=8GiB", "90%", "CPU=50%". The error is a sentence that names the text.
[[nodiscard]] std::expected<LineRequest, std::string> parse_line(std::string_view text);

// Where an accelerator has no line of its own: 90 % of its total. The rest is a reserve for what nobody can plan:
// the desktop, other processes' growth, fragmentation. The host has no line unless one is asked for.
inline constexpr Percent kDefaultAcceleratorLine{90};

struct LoadLine {
  Bytes bytes;
  bool lowered = false;  // was above the device's total and has been lowered to it: worth a warning
};

// The line of one device: the last request that names it, else the last general one (accelerators only), else the
// default. Empty: no line (the host), or the total is unknown and the request a percentage. Pure.
[[nodiscard]] std::optional<LoadLine> resolve_line(const std::vector<LineRequest>& requests,
                                                   const device::DeviceInfo& device, std::optional<Bytes> total);

}  // namespace plimsoll::memory
