// Tag: whose bytes these are: device x owner x stage, and the engine's buffer type they live in.
#pragma once
#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include <plimsoll/device/device.hpp>

namespace plimsoll::memory {

enum class Stage {
  weights,
  kv_cache,  // attention cache and recurrent state alike
  compute,
  output,
  adapter,
  projector,      // weights and compute buffers of what reads pictures and sounds
  runtime,        // what the backend takes for itself: contexts, pools, pipelines
  conversations,  // state of sequences that is kept on the host: swapped-out conversations, kept prompts
  bookkeeping,    // logs of events and histories of samples
  staging,        // pinned memory that weights pass through on their way to a device, for as long as a load takes
};
inline constexpr std::array kStages{Stage::weights,     Stage::kv_cache,  Stage::compute, Stage::output,
                                    Stage::adapter,     Stage::projector, Stage::runtime, Stage::conversations,
                                    Stage::bookkeeping, Stage::staging};

[[nodiscard]] std::string_view to_string(Stage stage) noexcept;
[[nodiscard]] std::optional<Stage> stage_from_string(std::string_view text) noexcept;

struct Tag {
  device::DeviceId device;
  std::string owner;  // a model's name
  Stage stage = Stage::weights;
  std::string
      buffer;  // ggml's buffer type name: "Vulkan0", "Vulkan_Host", "CPU_Mapped"; empty for what ggml does not allocate

  friend auto operator<=>(const Tag&, const Tag&) = default;
};

}  // namespace plimsoll::memory
