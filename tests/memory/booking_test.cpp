#include <plimsoll/memory/booking.hpp>

#include <gtest/gtest.h>

namespace plimsoll::memory {
namespace {

class BookingTest : public ::testing::Test {
 protected:
  BookingTest() { ledger.set_line(device::host(), 100_B); }
  [[nodiscard]] Bytes committed() const { return ledger.account(device::host()).committed; }
  Ledger ledger;
  Booking booking{ledger, on_the_heap("parked", Stage::conversations)};
};

TEST_F(BookingTest, WhatIsKeptIsChargedAndGivenBack) {
  EXPECT_TRUE(booking.resize(60_B));
  EXPECT_EQ(committed(), 60_B);
  EXPECT_TRUE(booking.resize(20_B));
  EXPECT_EQ(committed(), 20_B);
  {
    const Booking other = std::move(booking);
    EXPECT_EQ(other.size(), 20_B);
    EXPECT_EQ(committed(), 20_B);
  }
  EXPECT_EQ(committed(), 0_B);
  EXPECT_TRUE(ledger.empty());
}

TEST_F(BookingTest, BeyondTheLineNothingChanges) {
  EXPECT_TRUE(booking.resize(60_B));
  EXPECT_FALSE(booking.resize(101_B));
  EXPECT_EQ(booking.size(), 60_B);
  EXPECT_EQ(committed(), 60_B);
  Booking other(ledger, on_the_heap("other", Stage::bookkeeping));
  EXPECT_FALSE(other.resize(41_B));
  EXPECT_TRUE(other.resize(40_B));
  other = std::move(booking);
  EXPECT_EQ(committed(), 60_B);
}

}  // namespace
}  // namespace plimsoll::memory
