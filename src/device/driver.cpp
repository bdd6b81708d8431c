#include "device/driver.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "base/hash.hpp"

namespace plimsoll::device {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

void add_manifest(std::vector<std::string>& out, const fs::path& file) {
  struct stat facts{};
  if (stat(file.c_str(), &facts) != 0) return;
  out.push_back(
      fmt::format("{}:{}:{}.{}", file.filename().string(), facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec));
}

// Those that the Vulkan loader would read: the ones that the environment names, else those of its folders.
std::vector<std::string> vulkan_manifests(const fs::path& root) {
  std::vector<std::string> out;
  for (const char* name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"}) {
    const char* files = std::getenv(name);
    if (files == nullptr || *files == '\0') continue;
    std::istringstream list(files);
    for (std::string file; std::getline(list, file, ':');) add_manifest(out, file);
    return out;
  }
  for (const char* folder : {"etc/vulkan/icd.d", "usr/local/share/vulkan/icd.d", "usr/share/vulkan/icd.d"}) {
    std::error_code error;
    for (fs::directory_iterator at(root / folder, error), end; !error && at != end; at.increment(error))
      add_manifest(out, at->path());
  }
  std::ranges::sort(out);
  return out;
}

std::string kernel_module(const char* name, const fs::path& root) {
  const std::string version = first_line(root / "sys/module" / name / "version");
  return version.empty() ? version : fmt::format("{} {}", name, version);
}

// The kernel's own driver has no version but the kernel's.
std::string amdgpu(const fs::path& root) {
  const std::string module = kernel_module("amdgpu", root);
  return module.empty() ? "kernel " + first_line(root / "proc/sys/kernel/osrelease") : module;
}

}  // namespace

std::string driver_version(const DeviceInfo& device, const fs::path& root) {
  if (device.id.is_host()) return {};
  if (device.backend == "CUDA") return kernel_module("nvidia", root);
  if (device.backend == "ROCm" || device.backend == "HIP") return amdgpu(root);
  if (device.backend != "Vulkan") return {};
  Fnv1a manifests;
  for (const std::string& manifest : vulkan_manifests(root)) manifests.add(manifest + ";");
  const std::string nvidia = device.description.contains("NVIDIA") ? kernel_module("nvidia", root) + " " : "";
  return nvidia + manifests.hex();
}

}  // namespace plimsoll::device
