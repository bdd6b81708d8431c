// What becomes of a capacity whose change fails. What it decides: dispatcher_test.cpp and its neighbours.
#include "host/free_capacity.hpp"

#include <gtest/gtest.h>

#include <string>

#include "expect_error.hpp"

namespace plimsoll::host {
namespace {

plan::ModelPlan plan_of(const std::string& name, std::uint64_t bytes) {
  plan::ModelPlan plan;
  plan.name = name;
  plan.entries.push_back(
      {.device = device::DeviceId{"GPU0"}, .buffer = "GPU0", .stage = memory::Stage::weights, .bytes = Bytes{bytes}});
  return plan;
}

TEST(FreeCapacityTest, AChangeThatFailsChangesNothing) {
  plan::DeviceState device;
  device.info.id = device::DeviceId{"GPU0"};
  device.budget = memory::Budget{.bytes = 100_B};
  FreeCapacity capacity({plan_of("a", 60), plan_of("b", 30)}, {device});
  const auto expect_as_before = [&] {
    EXPECT_EQ(capacity.models().size(), 2U);
    EXPECT_EQ(capacity.devices().size(), 1U);
    EXPECT_EQ(capacity.required({"a", "b"}), 90_B);
    EXPECT_TRUE(capacity.fits({"a", "b"}));
  };
  test::expect_error(ErrorCode::internal, "there is no plan of 'of nobody'",
                     [&] { capacity.exchange("a", {plan_of("a", 80)}, "of nobody"); });
  expect_as_before();
  test::expect_error(ErrorCode::internal, "there is no plan of 'c'", [&] { capacity.replace(plan_of("c", 10)); });
  expect_as_before();
  capacity.exchange("a", {plan_of("a", 80)}, std::nullopt);
  EXPECT_FALSE(capacity.fits({"a", "b"}));
}

}  // namespace
}  // namespace plimsoll::host
