#include "monitor/exposition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::monitor {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ExpositionTest, AHistogramIsCumulativeABoundIsInsideAndAllOfItIsBelowInfinity) {
  Histogram histogram(kUpToAMinute);
  histogram.add(0.25);
  histogram.add(0.25);
  histogram.add(0.375);
  histogram.add(120);
  Exposition out;
  out.family("x_seconds", "histogram", "How long.");
  out.add({{"model", "a\"b"}}, histogram);
  EXPECT_EQ(out.text(), R"(# HELP x_seconds How long.
# TYPE x_seconds histogram
x_seconds_bucket{model="a\"b",le="0.001"} 0
x_seconds_bucket{model="a\"b",le="0.0025"} 0
x_seconds_bucket{model="a\"b",le="0.005"} 0
x_seconds_bucket{model="a\"b",le="0.01"} 0
x_seconds_bucket{model="a\"b",le="0.025"} 0
x_seconds_bucket{model="a\"b",le="0.05"} 0
x_seconds_bucket{model="a\"b",le="0.1"} 0
x_seconds_bucket{model="a\"b",le="0.25"} 2
x_seconds_bucket{model="a\"b",le="0.5"} 3
x_seconds_bucket{model="a\"b",le="1"} 3
x_seconds_bucket{model="a\"b",le="2.5"} 3
x_seconds_bucket{model="a\"b",le="5"} 3
x_seconds_bucket{model="a\"b",le="10"} 3
x_seconds_bucket{model="a\"b",le="30"} 3
x_seconds_bucket{model="a\"b",le="60"} 3
x_seconds_bucket{model="a\"b",le="+Inf"} 4
x_seconds_sum{model="a\"b"} 120.875
x_seconds_count{model="a\"b"} 4
)");
}

TEST(ExpositionTest, AHistogramWithoutLabelsHasItsBoundAlone) {
  Exposition out;
  out.family("x_seconds", "histogram", "How long.");
  out.add({}, Histogram(kUpToTenMinutes));
  EXPECT_THAT(out.text(), HasSubstr("\nx_seconds_bucket{le=\"600\"} 0\n"));
  EXPECT_THAT(out.text(), HasSubstr("\nx_seconds_sum 0\nx_seconds_count 0\n"));
}

TEST(ExpositionTest, AFamilyWithoutSamplesLeavesNoTrace) {
  Exposition out;
  out.family("x_seconds", "histogram", "How long.");
  out.family("y", "gauge", "How many.");
  out.add({}, 1);
  EXPECT_THAT(out.text(), StartsWith("# HELP y "));
}

}  // namespace
}  // namespace plimsoll::monitor
