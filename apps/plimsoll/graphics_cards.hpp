// graphics_cards: the cards that the kernel has, and what stands between each and this process.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "vulkan_instance.hpp"

namespace plimsoll::app {

struct GraphicsCard {
  std::string node;     // "renderD128"; empty: NVIDIA's driver alone knows it
  std::string vendor;   // "AMD", "Intel", "NVIDIA", else as the kernel writes it ("0x1af4")
  std::string driver;   // the kernel's: "amdgpu", "xe", "nvidia"
  std::string problem;  // why it cannot be used, as a sentence; empty: nothing is known to be in the way
};

// `root`: for tests; "/" else. `drivers`: what the Vulkan loader is told of.
[[nodiscard]] std::vector<GraphicsCard> graphics_cards(const std::filesystem::path& root,
                                                       const std::vector<VulkanDriver>& drivers);

}  // namespace plimsoll::app
