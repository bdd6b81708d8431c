// attribution: from ggml's buffer types and functions to our devices and stages.
#pragma once
#include <ggml-backend.h>

#include <string>

#include <plimsoll/device/device.hpp>
#include <plimsoll/memory/entry.hpp>
#include "tracker/hook.hpp"
#include "tracker/scope.hpp"

namespace plimsoll::tracker {

// A host buffer type belongs to the host, whoever made it (ggml says Vulkan0 for Vulkan_Host, and null for CPU_Mapped).
[[nodiscard]] device::DeviceId device_of(ggml_backend_buffer_type_t type);
[[nodiscard]] std::string buffer_name(ggml_backend_buffer_type_t type);

// Which stage an allocation belongs to: by the function it came through, then by what the engine was doing.
[[nodiscard]] memory::Stage stage_of(hook::Origin origin, Phase phase) noexcept;

[[nodiscard]] memory::Tag tag_of(const hook::Request& request);

}  // namespace plimsoll::tracker
