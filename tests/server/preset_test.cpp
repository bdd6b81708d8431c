#include "preset.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

// 'repeat_last_n': 1000000000 would be 4 GB of zeros for each answer.
TEST(LookingBackTest, IsWithinTheContext) {
  engine::SamplingParams sampling;
  sampling.penalty_last_n = 1'000'000'000;
  sampling.dry_last_n = 1'000'000'000;
  sampling = looking_back_within(sampling, 4096, 131'072);
  EXPECT_EQ(sampling.penalty_last_n, 4096);
  EXPECT_EQ(sampling.dry_last_n, 4096);
}

TEST(LookingBackTest, WhatIsLessStaysAsItIs) {
  engine::SamplingParams sampling;
  sampling.penalty_last_n = 64;
  sampling.dry_last_n = 0;
  sampling = looking_back_within(sampling, 4096, 131'072);
  EXPECT_EQ(sampling.penalty_last_n, 64);
  EXPECT_EQ(sampling.dry_last_n, 0);
}

TEST(LookingBackTest, AllOfTheTrainingContextIsTheWholeContextAtMost) {
  engine::SamplingParams sampling;
  sampling.penalty_last_n = -1;
  sampling.dry_last_n = -1;
  EXPECT_EQ(looking_back_within(sampling, 4096, 2048).penalty_last_n, -1);
  EXPECT_EQ(looking_back_within(sampling, 4096, 131'072).penalty_last_n, 4096);
  EXPECT_EQ(looking_back_within(sampling, 4096, 131'072).dry_last_n, 4096);
}

}  // namespace
}  // namespace plimsoll::server
