#include "host_vulkan.hpp"

#include <gtest/gtest.h>

#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

using Settings = std::map<std::string, std::string>;

class HostVulkanTest : public ::testing::Test {
 protected:
  void machine_has(const std::vector<std::string>& files) {
    for (const std::string& file : files) folder_.write(file, "x");
  }
  [[nodiscard]] VulkanSurroundings surroundings() {
    return {.root = folder_.path(),
            .variable =
                [this](const char* name) {
                  const auto found = environment_.find(name);
                  return found == environment_.end() ? std::nullopt : std::optional<std::string>(found->second);
                },
            .manifests = "/share"};
  }
  [[nodiscard]] Settings settings() { return vulkan_settings(surroundings()); }

  test::TemporaryFolder folder_;
  Settings environment_;
};

const std::string kEgl = "usr/lib/x86_64-linux-gnu/libEGL_nvidia.so.0";
const std::vector<std::string> kGlx{"usr/lib/x86_64-linux-gnu/libGLX_nvidia.so.0",
                                    "usr/lib/x86_64-linux-gnu/libX11.so.6", "usr/lib/x86_64-linux-gnu/libXext.so.6"};
const Settings kByEgl{{"VK_ADD_DRIVER_FILES", "/share/plimsoll_nvidia_egl.json"},
                      {"VK_LOADER_DRIVERS_DISABLE", "nvidia_icd*"}};

TEST_F(HostVulkanTest, NothingIsSetWhereThereIsNoNvidiaCard) {
  machine_has({kEgl});
  EXPECT_EQ(settings(), Settings{});
}

TEST_F(HostVulkanTest, WithoutX11sLibrariesNvidiasDriverIsNamedByEgl) {
  machine_has({"dev/nvidiactl", kEgl, kGlx[0]});
  environment_["DISPLAY"] = ":0";
  EXPECT_EQ(settings(), kByEgl);
}

TEST_F(HostVulkanTest, WithoutADisplayToo) {
  machine_has({"dev/nvidiactl", kEgl, kGlx[0], kGlx[1], kGlx[2]});
  EXPECT_EQ(settings(), kByEgl);
  environment_["DISPLAY"] = ":0";
  EXPECT_EQ(settings(), Settings{});
}

TEST_F(HostVulkanTest, WithoutEglThereIsNothingToName) {
  machine_has({"dev/nvidiactl", kGlx[0]});
  EXPECT_EQ(settings(), Settings{});
}

TEST_F(HostVulkanTest, ADriverIsFoundWhereContainersAndTheUserHaveIt) {
  machine_has({"dev/nvidiactl", "usr/local/nvidia/lib64/libEGL_nvidia.so.0"});
  EXPECT_EQ(settings(), kByEgl);
  test::TemporaryFolder other;
  other.write("libother.so.1", "x");
  EXPECT_FALSE(has_library(surroundings(), "libother.so.1"));
  environment_["LD_LIBRARY_PATH"] = "/nowhere::" + other.path().string();
  EXPECT_TRUE(has_library(surroundings(), "libother.so.1"));
}

TEST_F(HostVulkanTest, WhatTheUserSaysCounts) {
  machine_has({"dev/nvidiactl", kEgl});
  environment_["VK_ADD_DRIVER_FILES"] = "/mine.json";
  environment_["VK_LOADER_DRIVERS_DISABLE"] = "lvp*";
  EXPECT_EQ(settings(), (Settings{{"VK_ADD_DRIVER_FILES", "/mine.json:/share/plimsoll_nvidia_egl.json"},
                                  {"VK_LOADER_DRIVERS_DISABLE", "lvp*,nvidia_icd*"}}));
  environment_["VK_ADD_DRIVER_FILES"] = "/host-drivers/nvidia_icd.json";
  EXPECT_EQ(settings(), Settings{});
  environment_.erase("VK_ADD_DRIVER_FILES");
  environment_["VK_DRIVER_FILES"] = "/mine.json";
  EXPECT_EQ(settings(), Settings{});
}

TEST_F(HostVulkanTest, ASecondStartChangesNothing) {
  machine_has({"dev/nvidiactl", kEgl, "run/opengl-driver/share/vulkan/icd.d/radeon_icd.x86_64.json"});
  const Settings first = settings();
  EXPECT_EQ(first.at("VK_ADD_DRIVER_FILES"),
            "/share/plimsoll_nvidia_egl.json:" + (folder_.path() / "run/opengl-driver/share/vulkan/icd.d").string());
  environment_ = first;
  EXPECT_EQ(settings(), Settings{});
}

}  // namespace
}  // namespace plimsoll::app
