#include "pooled_batches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace plimsoll::run {
namespace {

using testing::ElementsAre;
using Groups = std::vector<std::vector<std::size_t>>;

Groups packed(const std::vector<std::size_t>& lengths, const BatchLimits& limits) { return pack(lengths, limits); }

TEST(PackTest, FillsABatchUpToItsTokens) {
  EXPECT_EQ(packed({4, 4, 3, 5}, {.tokens = 8, .sequences = 4}), (Groups{{0, 1}, {2, 3}}));
  EXPECT_EQ(packed({4, 5}, {.tokens = 8, .sequences = 4}), (Groups{{0}, {1}}));
}

TEST(PackTest, UsesNoMoreSequencesThanThereAre) {
  EXPECT_EQ(packed({1, 1, 1}, {.tokens = 8, .sequences = 2}), (Groups{{0, 1}, {2}}));
}

TEST(PackTest, AnInputLongerThanABatchStandsAlone) {
  EXPECT_EQ(packed({1, 20, 1}, {.tokens = 8, .sequences = 4}), (Groups{{0}, {1}, {2}}));
}

TEST(PackTest, NothingMakesNoBatch) { EXPECT_TRUE(packed({}, {.tokens = 8, .sequences = 2}).empty()); }

RC_GTEST_PROP(PackTest, KeepsTheOrderAndTheLimits, ()) {
  const auto lengths = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40));
  const BatchLimits limits{.tokens = *rc::gen::inRange<std::size_t>(1, 64),
                           .sequences = *rc::gen::inRange<std::size_t>(1, 9)};
  std::size_t next = 0;
  for (const auto& group : pack(lengths, limits)) {
    RC_ASSERT(!group.empty() && group.size() <= limits.sequences);
    std::size_t tokens = 0;
    for (const std::size_t index : group) {
      RC_ASSERT(index == next++);
      tokens += lengths[index];
    }
    RC_ASSERT(tokens <= limits.tokens || group.size() == 1);
  }
  RC_ASSERT(next == lengths.size());
}

}  // namespace
}  // namespace plimsoll::run
