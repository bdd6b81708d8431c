#include "base/histogram.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include <plimsoll/base/error.hpp>

namespace plimsoll {
namespace {

std::size_t bucket_of(double seconds) {
  Histogram histogram(kUpToAMinute);
  histogram.add(seconds);
  const auto& counts = histogram.counts();
  return static_cast<std::size_t>(std::ranges::find(counts, 1U) - counts.begin());
}

TEST(HistogramTest, ABoundBelongsToItsBucket) {
  for (std::size_t i = 0; i < kUpToAMinute.size(); ++i) {
    EXPECT_EQ(bucket_of(kUpToAMinute[i]), i);
    EXPECT_EQ(bucket_of(std::nextafter(kUpToAMinute[i], 1e9)), i + 1);
  }
  EXPECT_EQ(bucket_of(0), 0U);
  EXPECT_EQ(bucket_of(3600), kUpToAMinute.size());
}

TEST(HistogramTest, BoundsAscendFromTheDocumentedFirstToTheLast) {
  for (const Histogram::Bounds* bounds : {&kUpToAMinute, &kUpToTenMinutes})
    EXPECT_TRUE(std::ranges::adjacent_find(*bounds, std::greater_equal{}) == bounds->end());
  EXPECT_EQ(kUpToAMinute.front(), 0.001);
  EXPECT_EQ(kUpToAMinute.back(), 60);
  EXPECT_EQ(kUpToTenMinutes.front(), 0.01);
  EXPECT_EQ(kUpToTenMinutes.back(), 600);
}

TEST(HistogramTest, EmptyIsNothing) {
  const Histogram histogram(kUpToAMinute);
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.sum(), 0);
}

TEST(HistogramTest, OfOtherBoundsIsNotMerged) {
  Histogram histogram(kUpToAMinute);
  Histogram other(kUpToTenMinutes);
  other.add(1);
  EXPECT_THROW(histogram.merge(other), Error);
  EXPECT_EQ(histogram.count(), 0U);
}

RC_GTEST_PROP(HistogramTest, MergedCountsAsOneThatSawEverything,
              (const std::vector<std::uint16_t>& some, const std::vector<std::uint16_t>& more)) {
  Histogram first(kUpToAMinute);
  Histogram second(kUpToAMinute);
  Histogram all(kUpToAMinute);
  const auto add = [&](Histogram& to, std::uint16_t quarters) {  // exact, so that sums are equal in any order
    to.add(quarters / 4.0);
    all.add(quarters / 4.0);
  };
  for (const std::uint16_t quarters : some) add(first, quarters);
  for (const std::uint16_t quarters : more) add(second, quarters);
  first.merge(second);
  RC_ASSERT(first.counts() == all.counts());
  RC_ASSERT(first.sum() == all.sum());
  RC_ASSERT(first.count() == some.size() + more.size());
}

}  // namespace
}  // namespace plimsoll
