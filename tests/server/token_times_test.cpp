#include "token_times.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;

const TokenTimes::Moment kAsked{};

TEST(TokenTimesTest, TheFirstIsCountedFromTheRequestTheOthersFromTheOneBefore) {
  TokenTimes times(kAsked);
  TokenTimes::LastToken last;
  EXPECT_FALSE(times.first());
  for (const int ms : {500, 625, 750}) times.token(last, kAsked + milliseconds(ms));
  EXPECT_EQ(times.first(), 0.5);
  EXPECT_EQ(times.between().count(), 2U);
  EXPECT_EQ(times.between().sum(), 0.25);
}

// Their tokens come in between each other's.
TEST(TokenTimesTest, EachAnswerHasItsOwnTimesBetweenTokens) {
  TokenTimes times(kAsked);
  TokenTimes::LastToken one;
  TokenTimes::LastToken other;
  times.token(one, kAsked + milliseconds(500));
  times.token(other, kAsked + milliseconds(9000));
  times.token(one, kAsked + milliseconds(9500));
  times.token(other, kAsked + milliseconds(9125));
  EXPECT_EQ(times.first(), 0.5);
  EXPECT_EQ(times.between().count(), 2U);
  EXPECT_EQ(times.between().sum(), 9.125);
}

}  // namespace
}  // namespace plimsoll::server
