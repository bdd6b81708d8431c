// What stands between a Vulkan driver and this process: is there a loader, drivers that it is told of, an instance.
#pragma once
#include <string>
#include <vector>

namespace plimsoll::app {

struct VulkanDriver {
  std::string file;     // that names it to the loader
  std::string library;  // as it is named there
  std::string problem;  // why the library cannot be loaded; empty: it can
};

struct VulkanInstance {
  bool made = false;
  std::string problem;  // empty where one was made
  std::vector<VulkanDriver> drivers;
};

// Makes an instance and gives it back; no device is opened.
[[nodiscard]] VulkanInstance try_vulkan();

// The drivers that the loader looks at, in its order: VK_DRIVER_FILES alone, else VK_ADD_DRIVER_FILES and the folders.
// `folders`: for tests.
[[nodiscard]] std::vector<VulkanDriver> vulkan_drivers(const std::vector<std::string>& folders);

}  // namespace plimsoll::app
