#include "vulkan_instance.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ranges>

#include <nlohmann/json.hpp>

namespace plimsoll::app {
namespace {

// Of Vulkan's interface, which never changes: what is needed to ask for an instance without extensions or layers.
struct InstanceCreateInfo {
  std::int32_t type = 1;  // VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
  const void* next = nullptr;
  std::uint32_t flags = 0;
  const void* application = nullptr;
  std::uint32_t layers = 0;
  const char* const* layer_names = nullptr;
  std::uint32_t extensions = 0;
  const char* const* extension_names = nullptr;
};
using CreateInstance = std::int32_t (*)(const InstanceCreateInfo*, const void*, void**);
using DestroyInstance = void (*)(void*, const void*);

std::string meaning(std::int32_t result) {
  switch (result) {
    case -1:
      return "the host is out of memory";
    case -3:
      return "a driver could not be started";
    case -9:
      return "no driver could be loaded";  // VK_ERROR_INCOMPATIBLE_DRIVER: the loader found none that answers
    default:
      return fmt::format("the loader answers {}", result);
  }
}

// "library_path" without a slash is looked for as the linker does; with one, from the file's own folder.
VulkanDriver driver_of(const std::filesystem::path& file) {
  VulkanDriver driver{.file = file, .library = {}, .problem = {}};
  std::ifstream text(file);
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("ICD") || !json["ICD"].contains("library_path") ||
      !json["ICD"]["library_path"].is_string()) {
    driver.problem = "the file names no library";
    return driver;
  }
  driver.library = json["ICD"]["library_path"];
  const bool relative = driver.library.contains('/') && !driver.library.starts_with('/');
  const std::string path = relative ? (file.parent_path() / driver.library).string() : driver.library;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    driver.problem = dlerror();
  } else {
    dlclose(library);
  }
  return driver;
}

std::vector<std::string> split(const char* list, char separator = ':') {
  std::vector<std::string> paths;
  for (const auto piece : std::views::split(std::string_view(list), separator)) {
    if (!piece.empty()) paths.emplace_back(piece.begin(), piece.end());
  }
  return paths;
}

// VK_LOADER_DRIVERS_DISABLE: patterns of file names, which the loader passes over.
bool is_passed_over(const std::filesystem::path& file) {
  const char* list = std::getenv("VK_LOADER_DRIVERS_DISABLE");
  return list != nullptr && std::ranges::any_of(split(list, ','), [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), file.filename().c_str(), 0) == 0;
         });
}

// Each is a file or a folder of files.
void add(std::vector<VulkanDriver>& drivers, const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    std::error_code error;
    if (!std::filesystem::is_directory(place, error)) {
      if (std::filesystem::exists(place, error) && !is_passed_over(place)) drivers.push_back(driver_of(place));
      continue;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(place, error)) {
      if (entry.path().extension() == ".json" && !is_passed_over(entry.path())) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const std::filesystem::path& file : files) drivers.push_back(driver_of(file));
  }
}

}  // namespace

std::vector<VulkanDriver> vulkan_drivers(const std::vector<std::string>& folders) {
  std::vector<VulkanDriver> drivers;
  for (const char* only : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"}) {  // the second is its old name
    if (const char* list = std::getenv(only); list != nullptr && *list != '\0') {
      add(drivers, split(list));
      return drivers;
    }
  }
  if (const char* list = std::getenv("VK_ADD_DRIVER_FILES"); list != nullptr) add(drivers, split(list));
  add(drivers, folders);
  return drivers;
}

VulkanInstance try_vulkan() {
  VulkanInstance instance;
  instance.drivers = vulkan_drivers({"/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"});
  void* loader = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (loader == nullptr) {
    instance.problem = fmt::format("there is no Vulkan loader: {}", dlerror());
    return instance;
  }
  const auto create = reinterpret_cast<CreateInstance>(dlsym(loader, "vkCreateInstance"));
  const auto destroy = reinterpret_cast<DestroyInstance>(dlsym(loader, "vkDestroyInstance"));
  void* made = nullptr;
  const InstanceCreateInfo info;
  const std::int32_t result = create == nullptr ? -3 : create(&info, nullptr, &made);
  instance.made = result == 0;
  if (instance.made) {
    destroy(made, nullptr);
  } else {
    instance.problem = meaning(result);
    if (instance.drivers.empty()) instance.problem += "; none is named to the loader";
  }
  return instance;
}

}  // namespace plimsoll::app
