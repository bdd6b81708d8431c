#include "guard/late_capacity.hpp"

#include <gtest/gtest.h>

namespace plimsoll::guard {
namespace {

class LateCapacityTest : public ::testing::Test {
 protected:
  static memory::Tag on(const char* device) {
    return {.device = device::DeviceId{device}, .owner = "context", .stage = memory::Stage::compute, .buffer = device};
  }
  // Takes 8 MiB of each device, and is ready.
  void make_ready(bool held) {
    for (const char* device : {"Card0", "CPU"}) EXPECT_TRUE(late.try_acquire(on(device), 8_MiB));
    reservation = ledger.reserve("context", {{on("Card0"), 8_MiB}, {on("CPU"), 8_MiB}}).value();
    if (held) late.hold("context");
    seal.close("context");
  }
  memory::Ledger ledger;
  memory::Seal seal;
  memory::LedgerCapacity limited{ledger};
  LateCapacity late{limited, ledger, seal};
  memory::Reservation reservation;
};

TEST_F(LateCapacityTest, ACardRefusesAHeldOwnerBeyondItsReservation) {
  make_ready(true);
  const auto refused = late.try_acquire(on("Card0"), 1_MiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, memory::RefusedBy::seal);
  EXPECT_EQ(seal.counts("context").refused_after_seal, 1U);
}

TEST_F(LateCapacityTest, WhatWasGivenBackMayBeTakenAgain) {
  make_ready(true);
  late.release(on("Card0"), 8_MiB);
  EXPECT_TRUE(late.try_acquire(on("Card0"), 8_MiB));
}

TEST_F(LateCapacityTest, TheHostCountsAndLetsThrough) {
  make_ready(true);
  EXPECT_TRUE(late.try_acquire(on("CPU"), 64_MiB));
  EXPECT_EQ(seal.counts("context").allocations_after_seal, 1U);
}

TEST_F(LateCapacityTest, AnOwnerThatWasNotSeenWholeMayGrowWithinTheBudget) {
  make_ready(false);
  ledger.set_budget(device::DeviceId{"Card0"}, 10_MiB);
  EXPECT_TRUE(late.try_acquire(on("Card0"), 2_MiB));
  const auto refused = late.try_acquire(on("Card0"), 1_MiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, memory::RefusedBy::budget);
  EXPECT_EQ(seal.counts("context").allocations_after_seal, 1U);
  EXPECT_EQ(seal.counts("context").refused_after_seal, 1U);
}

TEST_F(LateCapacityTest, OthersAreNotMeant) {
  make_ready(true);
  memory::Tag other = on("Card0");
  other.owner = "another context";
  EXPECT_TRUE(late.try_acquire(other, 64_MiB));
  late.let_grow("context");
  EXPECT_TRUE(late.try_acquire(on("Card0"), 1_MiB));
}

}  // namespace
}  // namespace plimsoll::guard
