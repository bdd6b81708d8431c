#include "plan/measurement.hpp"

#include <gtest/gtest.h>

namespace plimsoll::plan {
namespace {

std::vector<Measurement> measured(PipelineCache cache, const std::vector<std::uint64_t>& bytes) {
  std::vector<Measurement> out;
  for (const std::uint64_t one : bytes) out.push_back({.bytes = Bytes{one}, .cache = cache});
  return out;
}

TEST(MeasurementTest, ThereIsNoFigureOfNothing) { EXPECT_FALSE(figure_of({})); }

TEST(MeasurementTest, OfAFewTheLargestCounts) {
  EXPECT_EQ(figure_of(measured(PipelineCache::cold, {7})), 7_B);
  EXPECT_EQ(figure_of(measured(PipelineCache::cold, {9, 7})), 9_B);
  EXPECT_EQ(figure_of(measured(PipelineCache::cold, {7, 9, 8, 6})), 9_B);
}

TEST(MeasurementTest, FromFiveOnOneThatWasDisturbedDoesNot) {
  EXPECT_EQ(figure_of(measured(PipelineCache::warm, {7, 900, 8, 6, 5})), 8_B);
  EXPECT_EQ(figure_of(measured(PipelineCache::warm, {1, 2, 3, 4, 5, 6, 7, 900})), 7_B);
}

TEST(MeasurementTest, EachStateCountsForItselfAndTheLargerIsPlanned) {
  auto all = measured(PipelineCache::warm, {1, 2, 3, 4, 5, 6, 7});
  EXPECT_EQ(figure_of(all), 6_B);
  all.push_back({.bytes = 300_B, .cache = PipelineCache::cold});
  EXPECT_EQ(figure_of(all), 300_B) << "the next start may find a cold cache again";
}

TEST(MeasurementTest, StatesHaveNamesThatComeBack) {
  for (const auto cache : {PipelineCache::none, PipelineCache::cold, PipelineCache::warm})
    EXPECT_EQ(pipeline_cache_from_string(to_string(cache)), cache);
  EXPECT_FALSE(pipeline_cache_from_string("tepid"));
}

}  // namespace
}  // namespace plimsoll::plan
