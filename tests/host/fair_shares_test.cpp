#include "host/fair_shares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace plimsoll::host {
namespace {

TEST(FairSharesTest, WhoeverIsBehindIsServedAndSharesComeOutByWeight) {
  FairShares shares;
  const std::array<std::string, 3> tenants{"a", "b", "c"};
  const std::array<double, 3> weights{1, 2, 5};
  std::array<double, 3> had{};
  for (std::size_t i = 0; i < 3; ++i) shares.arrive(tenants[i], weights[i]);
  for (int step = 0; step < 8000; ++step) {
    const auto next = std::ranges::min_element(tenants, {}, [&](const auto& one) { return shares.time_of(one); });
    const auto i = static_cast<std::size_t>(next - tenants.begin());
    const double tokens = 1 + step % 7;
    shares.serve(tenants[i], tokens);
    had[i] += tokens;
  }
  const double all = had[0] + had[1] + had[2];
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(had[i] / all, weights[i] / 8, 0.001);
}

TEST(FairSharesTest, WhatWasTakenReplacesWhatWasExpected) {
  FairShares shares;
  shares.arrive("a", 2);
  shares.serve("a", 100);
  EXPECT_DOUBLE_EQ(shares.time_of("a"), 50);
  shares.correct("a", -40);
  EXPECT_DOUBLE_EQ(shares.time_of("a"), 30);
}

TEST(FairSharesTest, AbsenceIsNoCreditAndNoForgiveness) {
  FairShares shares;
  shares.arrive("a", 1);
  shares.arrive("b", 1);
  shares.serve("b", 1000);
  shares.leave("b");
  shares.serve("a", 10);
  shares.serve("a", 10);
  shares.arrive("b", 1);
  EXPECT_DOUBLE_EQ(shares.time_of("b"), 1000) << "what it had beyond its share counts";
  shares.arrive("c", 1);
  EXPECT_DOUBLE_EQ(shares.time_of("c"), 10) << "it begins where the others are";
}

TEST(FairSharesTest, WhenNobodyIsThereAllBeginAnew) {
  FairShares shares;
  shares.arrive("a", 1);
  shares.serve("a", 1000);
  shares.leave("a");
  shares.arrive("a", 1);
  EXPECT_DOUBLE_EQ(shares.time_of("a"), 0);
}

}  // namespace
}  // namespace plimsoll::host
