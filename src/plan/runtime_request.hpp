// RuntimeRequest: what a caller says that a backend takes for itself on a device, against our guess or measurement.
#pragma once
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/device/device.hpp>

namespace plimsoll::plan {

struct RuntimeRequest {
  device::DeviceId device;
  Bytes bytes;
  friend bool operator==(const RuntimeRequest&, const RuntimeRequest&) = default;
};

// "CUDA0=600MiB". The error is a sentence that names the text.
[[nodiscard]] std::expected<RuntimeRequest, std::string> parse_runtime(std::string_view text);

// The last one that names the device. Pure.
[[nodiscard]] std::optional<Bytes> runtime_asked_for(const std::vector<RuntimeRequest>& requests,
                                                     const device::DeviceId& device);

// One device named twice in one list: a sentence. Pure.
[[nodiscard]] std::optional<std::string> contradiction(const std::vector<RuntimeRequest>& requests);

}  // namespace plimsoll::plan
