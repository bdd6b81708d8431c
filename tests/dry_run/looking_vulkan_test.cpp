// On Vulkan's software device a device context is seen by its threads: llvmpipe starts them when a device is made.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <plimsoll/base/error.hpp>
#include "dry_run/dry_run_process.hpp"
#include "dry_run/local_dry_runs.hpp"
#include "engine/device_context.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"

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

// The software device computes with 128 MiB of one tensor at most, and the engine ends its process.
TEST(LongContextTest, OfWhichALayerIsMoreThanTheDeviceComputesWithIsSaid) {
  DryRunProcess dry_runs;
  DryRunRequest request;
  request.model.path = test::arch_model("llama-dense");
  request.model.devices = {"Vulkan0"};
  request.context = test::small_context();
  request.context.n_ctx = 1U << 21U;
  test::expect_error(ErrorCode::model_unusable, "one layer's part of the KV cache",
                     [&] { (void)dry_runs.dry_run(request); });
}

TEST(DeviceContextTest, OfADeviceThatIsNotThereIsNotMade) { EXPECT_FALSE(engine::make_device_context("NoSuchCard0")); }

}  // namespace
}  // namespace plimsoll::dry_run
