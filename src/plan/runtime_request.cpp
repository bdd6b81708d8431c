#include "plan/runtime_request.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace plimsoll::plan {

std::expected<RuntimeRequest, std::string> parse_runtime(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return std::unexpected(fmt::format("'{}' is not of the form DEVICE=SIZE", text));
  const auto bytes = parse_bytes(text.substr(equals + 1));
  if (!bytes) return std::unexpected(fmt::format("the runtime '{}' cannot be read: {}", text, bytes.error()));
  return RuntimeRequest{.device = device::DeviceId{std::string(text.substr(0, equals))}, .bytes = *bytes};
}

std::optional<Bytes> runtime_asked_for(const std::vector<RuntimeRequest>& requests, const device::DeviceId& device) {
  const auto found = std::ranges::find(requests.rbegin(), requests.rend(), device, &RuntimeRequest::device);
  return found == requests.rend() ? std::nullopt : std::optional(found->bytes);
}

std::optional<std::string> contradiction(const std::vector<RuntimeRequest>& requests) {
  for (auto one = requests.begin(); one != requests.end(); ++one) {
    if (std::ranges::contains(requests.begin(), one, one->device, &RuntimeRequest::device))
      return fmt::format("two runtimes were given for '{}'; a device has one", one->device.name());
  }
  return std::nullopt;
}

}  // namespace plimsoll::plan
