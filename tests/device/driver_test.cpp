#include "device/driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include <temporary_folder.hpp>

namespace plimsoll::device {
namespace {

DeviceInfo on(const std::string& backend, const std::string& description = "Some GPU") {
  DeviceInfo info;
  info.id = DeviceId{backend + "0"};
  info.backend = backend;
  info.description = description;
  return info;
}

class DriverTest : public testing::Test {
 protected:
  DriverTest() {
    for (const char* name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"}) unsetenv(name);
  }
  std::string version(const DeviceInfo& info) const { return driver_version(info, root_.path()); }
  test::TemporaryFolder root_;
};

TEST_F(DriverTest, OfNvidiaIsItsKernelModule) {
  root_.write("sys/module/nvidia/version", "580.159.04\n");
  EXPECT_EQ(version(on("CUDA")), "nvidia 580.159.04");
  EXPECT_THAT(version(on("Vulkan", "NVIDIA H100")), testing::StartsWith("nvidia 580.159.04 "));
}

TEST_F(DriverTest, OfTheKernelIsTheKernels) {
  root_.write("proc/sys/kernel/osrelease", "6.18.1\n");
  EXPECT_EQ(version(on("ROCm")), "kernel 6.18.1");
  root_.write("sys/module/amdgpu/version", "6.12.12\n");
  EXPECT_EQ(version(on("ROCm")), "amdgpu 6.12.12");
}

TEST_F(DriverTest, OfVulkanChangesWithAManifest) {
  root_.write("usr/share/vulkan/icd.d/lvp_icd.json", "{}");
  const std::string before = version(on("Vulkan"));
  EXPECT_EQ(version(on("Vulkan")), before);
  const std::filesystem::path manifest = root_ / "usr/share/vulkan/icd.d/lvp_icd.json";
  std::filesystem::last_write_time(manifest, std::filesystem::last_write_time(manifest) + std::chrono::hours(1));
  EXPECT_NE(version(on("Vulkan")), before) << "the same size, a newer package";
}

TEST_F(DriverTest, TheHostHasNone) {
  DeviceInfo info;
  info.id = host();
  EXPECT_EQ(version(info), "");
}

}  // namespace
}  // namespace plimsoll::device
