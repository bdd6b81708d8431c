#include "host_vulkan.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ranges>

#include "installed_places.hpp"
#include "is_there.hpp"
#include "options.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

// Where Debian, Fedora and Arch have libraries, containers NVIDIA's, WSL and NixOS drivers.
constexpr std::array kLibraryFolders{
    "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64",       "usr/lib",
    "usr/local/nvidia/lib64",   "usr/local/nvidia/lib",      "usr/lib/wsl/lib", "run/opengl-driver/lib"};

bool is_set(const VulkanSurroundings& surroundings, const char* name) {
  return !surroundings.variable(name).value_or("").empty();
}

std::string joined(const std::string& before, const std::string& more, char separator) {
  return before.empty() ? more : before + separator + more;
}

bool glx_has_what_it_needs(const VulkanSurroundings& surroundings) {
  return is_set(surroundings, "DISPLAY") && has_library(surroundings, "libGLX_nvidia.so.0") &&
         has_library(surroundings, "libX11.so.6") && has_library(surroundings, "libXext.so.6");
}

}  // namespace

bool has_library(const VulkanSurroundings& surroundings, const std::string& name) {
  if (std::ranges::any_of(kLibraryFolders,
                          [&](const char* folder) { return is_there(surroundings.root / folder / name); }))
    return true;
  const std::string list = surroundings.variable("LD_LIBRARY_PATH").value_or("");
  return std::ranges::any_of(std::views::split(list, ':'), [&](auto&& folder) {
    return !folder.empty() && is_there(fs::path(std::string(folder.begin(), folder.end())) / name);
  });
}

std::map<std::string, std::string> vulkan_settings(const VulkanSurroundings& surroundings) {
  if (is_set(surroundings, "VK_DRIVER_FILES") || is_set(surroundings, "VK_ICD_FILENAMES")) return {};
  std::string added = surroundings.variable("VK_ADD_DRIVER_FILES").value_or("");
  std::map<std::string, std::string> settings;
  // "nvidia" in the list: done before, by us or by who started us (scripts/host-drivers.sh).
  const bool nvidia = is_there(surroundings.root / "dev/nvidiactl") && !added.contains("nvidia");
  if (nvidia && has_library(surroundings, "libEGL_nvidia.so.0") && !glx_has_what_it_needs(surroundings)) {
    added = joined(added, (surroundings.manifests / "plimsoll_nvidia_egl.json").string(), ':');
    settings["VK_ADD_DRIVER_FILES"] = added;
    settings["VK_LOADER_DRIVERS_DISABLE"] =
        joined(surroundings.variable("VK_LOADER_DRIVERS_DISABLE").value_or(""), "nvidia_icd*", ',');
  }
  const fs::path nixos = surroundings.root / "run/opengl-driver/share/vulkan/icd.d";
  if (is_there(nixos) && !added.contains(nixos.string()))
    settings["VK_ADD_DRIVER_FILES"] = joined(added, nixos.string(), ':');
  return settings;
}

VulkanSurroundings vulkan_surroundings() {
  return {.root = "/",
          .variable =
              [](const char* name) {
                const char* value = std::getenv(name);
                return value == nullptr ? std::nullopt : std::optional<std::string>(value);
              },
          .manifests = place_of(program_path(), kInstalledVulkan, "contrib/vulkan")};
}

void name_host_drivers() {
  for (const auto& [name, value] : vulkan_settings(vulkan_surroundings())) setenv(name.c_str(), value.c_str(), 1);
}

}  // namespace plimsoll::app
