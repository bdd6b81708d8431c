#include <plimsoll/plan/line_requests.hpp>

#include <algorithm>

#include <fmt/format.h>

namespace plimsoll::plan {

std::optional<std::string> contradiction(const std::vector<memory::LineRequest>& lines) {
  for (auto line = lines.begin(); line != lines.end(); ++line) {
    const bool again =
        std::any_of(lines.begin(), line, [&](const auto& other) { return other.device == line->device; });
    if (!again) continue;
    return line->device ? fmt::format("two lines were asked for on '{}'; a device has one", line->device->name())
                        : "two lines were asked for without a device; every accelerator has one";
  }
  return std::nullopt;
}

std::optional<std::string> line_without_use(const std::vector<memory::LineRequest>& lines,
                                            const std::vector<Request>& requests) {
  const bool for_accelerators = std::ranges::any_of(lines, [](const auto& line) { return !line.device.has_value(); });
  const bool none_used = std::ranges::all_of(requests, [](const Request& request) {
    return request.dry_run.model.devices == std::vector<std::string>{"none"};
  });
  if (!for_accelerators || !none_used || requests.empty()) return std::nullopt;
  return "a line without a device is for accelerators, and with the device 'none' no model uses one; name the host: "
         "CPU=SIZE";
}

std::vector<memory::LineRequest> lines_of_machine(std::vector<memory::LineRequest> lines,
                                                  const std::vector<tracker::DeviceView>& devices) {
  const bool accelerated =
      std::ranges::any_of(devices, [](const tracker::DeviceView& view) { return !view.info.id.is_host(); });
  const bool named = std::ranges::any_of(lines, [](const auto& line) { return line.device == device::host(); });
  if (accelerated || named) return lines;
  for (memory::LineRequest& line : lines) {
    if (!line.device) line.device = device::host();
  }
  return lines;
}

}  // namespace plimsoll::plan
