#include "token_times.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using std::chrono::milliseconds;

const TokenTimes::Moment kAsked{};

TEST(TokenTimesTest, TheFirstIsCountedFromTheRequestTheOthersFromTheOneBefore) {
  TokenTimes times(kAsked);
  EXPECT_FALSE(times.first());
  for (const int ms : {500, 625, 750}) times.token(kAsked + milliseconds(ms));
  EXPECT_EQ(times.first(), 0.5);
  EXPECT_EQ(times.between().count(), 2U);
  EXPECT_EQ(times.between().sum(), 0.25);
}

TEST(TokenTimesTest, WhatLiesBetweenTwoAnswersIsNoTimeBetweenTokens) {
  TokenTimes times(kAsked);
  times.begin_answer();
  for (const int ms : {500, 625}) times.token(kAsked + milliseconds(ms));
  times.begin_answer();
  for (const int ms : {9000, 9125}) times.token(kAsked + milliseconds(ms));
  EXPECT_EQ(times.first(), 0.5);
  EXPECT_EQ(times.between().count(), 2U);
  EXPECT_EQ(times.between().sum(), 0.25);
}

}  // namespace
}  // namespace plimsoll::server
