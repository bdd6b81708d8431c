#include <plimsoll/memory/seal.hpp>

#include <gtest/gtest.h>

namespace plimsoll::memory {
namespace {

const Tag kTag{.device = device::host(), .owner = "a", .stage = Stage::compute, .buffer = "CPU"};

TEST(SealTest, IsAModeOfOneOwner) {
  Seal seal;
  seal.close("a");
  EXPECT_TRUE(seal.closed("a"));
  EXPECT_FALSE(seal.closed("b"));
  seal.open("a");
  EXPECT_FALSE(seal.closed("a"));
}

TEST(SealTest, OpeningForgetsNoViolation) {
  Seal seal;
  seal.close("a");
  seal.record({.tag = kTag, .bytes = 5_B, .refused = false});
  seal.record({.tag = kTag, .bytes = 6_B, .refused = true});
  seal.record({.tag = kTag, .bytes = 7_B, .refused = true});
  seal.open("a");
  EXPECT_EQ(seal.counts("a").allocations_after_seal, 1U);
  EXPECT_EQ(seal.counts("a").refused_after_seal, 2U);
  EXPECT_EQ(seal.counts("b").refused_after_seal, 0U);
  ASSERT_EQ(seal.violations().size(), 3U);
  EXPECT_EQ(seal.violations()[1].bytes, 6_B);
}

}  // namespace
}  // namespace plimsoll::memory
