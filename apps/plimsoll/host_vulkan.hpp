// host_vulkan: Vulkan drivers of this machine that the Vulkan loader would not find, or not be able to use, by itself.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::app {

struct VulkanSurroundings {
  std::filesystem::path root = "/";                                 // for tests
  std::function<std::optional<std::string>(const char*)> variable;  // of the environment
  std::filesystem::path manifests;                                  // the folder with our own manifests
};

// What is to be set in the environment before Vulkan is used; nothing where the user has said which drivers count.
//  - NVIDIA's own manifest names libGLX_nvidia.so.0, which needs X11's libraries and a display. Where one of these is
//    missing, the same driver is named by libEGL_nvidia.so.0, and NVIDIA's manifest is left out.
//  - NixOS keeps drivers where no other system does.
[[nodiscard]] std::map<std::string, std::string> vulkan_settings(const VulkanSurroundings& surroundings);

// Sets them. Before a thread is started.
void name_host_drivers();

// Whether the linker finds a library of this name on this machine, in its usual folders or in LD_LIBRARY_PATH's.
[[nodiscard]] bool has_library(const VulkanSurroundings& surroundings, const std::string& name);

[[nodiscard]] VulkanSurroundings vulkan_surroundings();

}  // namespace plimsoll::app
