#include "memory/charge.hpp"

#include <gtest/gtest.h>

namespace plimsoll::memory {
namespace {

class ChargeTest : public ::testing::Test {
 protected:
  ChargeTest() { ledger.set_budget(device::host(), 100_B); }
  [[nodiscard]] Bytes committed() const { return ledger.account(device::host()).committed; }
  Ledger ledger;
  Charge charge{ledger, on_the_heap("swap", Stage::conversations)};
};

TEST_F(ChargeTest, WhatIsKeptIsChargedAndGivenBack) {
  EXPECT_TRUE(charge.resize(60_B));
  EXPECT_EQ(committed(), 60_B);
  EXPECT_TRUE(charge.resize(20_B));
  EXPECT_EQ(committed(), 20_B);
  {
    const Charge other = std::move(charge);
    EXPECT_EQ(other.size(), 20_B);
    EXPECT_EQ(committed(), 20_B);
  }
  EXPECT_EQ(committed(), 0_B);
  EXPECT_TRUE(ledger.empty());
}

TEST_F(ChargeTest, BeyondTheBudgetNothingChanges) {
  EXPECT_TRUE(charge.resize(60_B));
  EXPECT_FALSE(charge.resize(101_B));
  EXPECT_EQ(charge.size(), 60_B);
  EXPECT_EQ(committed(), 60_B);
  Charge other(ledger, on_the_heap("other", Stage::bookkeeping));
  EXPECT_FALSE(other.resize(41_B));
  EXPECT_TRUE(other.resize(40_B));
  other = std::move(charge);
  EXPECT_EQ(committed(), 60_B);
}

}  // namespace
}  // namespace plimsoll::memory
