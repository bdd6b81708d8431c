// One value says who refused what to whom, as a sentence and as a failure.
#include <plimsoll/memory/refusal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::memory {
namespace {

Entry holding(const std::string& owner, Stage stage, Bytes bytes) {
  return {.tag = {.device = device::DeviceId{"Vulkan0"}, .owner = owner, .stage = stage, .buffer = "Vulkan0"},
          .planned = bytes,
          .taken = {},
          .allocations = 0};
}

Refusal refusal_by(RefusedBy by) {
  return {.by = by,
          .device = device::DeviceId{"Vulkan0"},
          .owner = "a",
          .stage = Stage::kv_cache,
          .requested = 256_MiB,
          .available = 100_MiB,
          .limit = 1_GiB,
          .largest = {holding("b", Stage::weights, 700_MiB), holding("a", Stage::weights, 224_MiB)}};
}

TEST(RefusalTest, OurBudgetSaysWhatIsLeftAndWhoHoldsMost) {
  const Refused error(refusal_by(RefusedBy::budget), "creating the context of 'a'");
  EXPECT_STREQ(error.what(),
               "creating the context of 'a' failed: 'a' asked for 256 MiB of kv_cache on Vulkan0: 100 MiB are left "
               "within the budget of 1.00 GiB; most is held by 'b' 700 MiB weights, 'a' 224 MiB weights");
  EXPECT_EQ(error.code(), ErrorCode::over_budget);
  EXPECT_EQ(
      error.numbers(),
      (Error::Numbers{{"requested", (256_MiB).value()}, {"available", (100_MiB).value()}, {"limit", (1_GiB).value()}}));
  EXPECT_EQ(error.refusal().largest.size(), 2U);
}

TEST(RefusalTest, TheSealSaysWhatIsReserved) {
  EXPECT_THAT(to_sentence(refusal_by(RefusedBy::seal)),
              ::testing::HasSubstr("it is sealed, and 100 MiB of the 1.00 GiB that it has reserved there are left"));
  EXPECT_EQ(code_of(RefusedBy::seal), ErrorCode::sealed);
}

TEST(RefusalTest, ADeviceDoesNotSayHowMuchItHas) {
  Refusal refusal = refusal_by(RefusedBy::device);
  refusal.available.reset();
  refusal.limit.reset();
  refusal.stage.reset();
  refusal.largest.clear();
  const Refused error(refusal);
  EXPECT_STREQ(error.what(), "'a' asked for 256 MiB of memory on Vulkan0: the device has no such memory left");
  EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory);
  EXPECT_EQ(error.numbers(), (Error::Numbers{{"requested", (256_MiB).value()}}));
}

}  // namespace
}  // namespace plimsoll::memory
