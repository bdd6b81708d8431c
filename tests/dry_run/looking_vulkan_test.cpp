// On Vulkan's software device a device context is seen by its threads: llvmpipe starts them when a device is made.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "dry_run/local_dry_runs.hpp"
#include "engine/device_context.hpp"

namespace plimsoll::dry_run {
namespace {

int threads_of_the_device() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    if (name.starts_with("llvmpipe")) ++count;
  }
  return count;
}

TEST(LookingTest, AtTheDevicesMakesNone) {
  LocalDryRuns dry_runs;
  for (int look = 0; look < 2; ++look) {
    const auto devices = dry_runs.devices();
    ASSERT_TRUE(std::ranges::any_of(devices, [](const DeviceView& view) { return view.info.id.name() == "Vulkan0"; }));
  }
  EXPECT_EQ(threads_of_the_device(), 0);
  ASSERT_TRUE(engine::make_device_context("Vulkan0"));
  EXPECT_GT(threads_of_the_device(), 0);  // so they would have been seen
}

TEST(DeviceContextTest, OfADeviceThatIsNotThereIsNotMade) { EXPECT_FALSE(engine::make_device_context("NoSuchCard0")); }

}  // namespace
}  // namespace plimsoll::dry_run
