#include "engine/draw_seed.hpp"

#include <gtest/gtest.h>

#include <plimsoll/engine/sampling.hpp>

#include <cmath>
#include <random>
#include <set>

namespace plimsoll::engine {
namespace {

TEST(DrawSeedTest, EachPlaceHasItsOwn) {
  std::set<std::uint32_t> seen;
  std::size_t places = 0;
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    for (std::uint64_t choice = 0; choice < 64; ++choice) {
      for (std::uint32_t attempt = 0; attempt < 3; ++attempt) {
        for (std::uint32_t link = 0; link < 2; ++link, ++places)
          seen.insert(seed_of_draw(seed, {.choice = choice, .attempt = attempt, .link = link}));
      }
    }
  }
  EXPECT_GE(seen.size() + 2, places);  // of 3,072 numbers of 32 bits two are equal once in 900 sets
  EXPECT_EQ(seed_of_draw(3, {.choice = 5}), seed_of_draw(3, {.choice = 5}));
}

// The largest number stands for a random seed: after it an answer would be another one each time.
TEST(DrawSeedTest, NoSeedIsFollowedByTheRandomOne) {
  EXPECT_EQ(following_seed(42, 0), 42U);
  EXPECT_EQ(following_seed(42, 3), 45U);
  EXPECT_EQ(following_seed(kRandomSeed - 1, 0), kRandomSeed - 1);
  EXPECT_EQ(following_seed(kRandomSeed - 1, 1), 0U);
  EXPECT_EQ(following_seed(kRandomSeed - 2, 2), 0U);
  EXPECT_EQ(following_seed(kRandomSeed - 2, 5), 3U);
}

// What is drawn first from generators with these seeds is as even as what one generator draws.
TEST(DrawSeedTest, TheFirstDrawsAreEven) {
  constexpr int kBins = 64;
  constexpr int kDraws = 64'000;
  for (const std::uint32_t seed : {0U, 1U, 42U, 0xFFFFFFFEU}) {
    std::vector<int> bins(kBins);
    double products = 0;
    double last = 0.5;
    for (std::uint64_t choice = 0; choice < kDraws; ++choice) {
      std::mt19937 random(seed_of_draw(seed, {.choice = choice}));
      const double drawn = std::uniform_real_distribution<double>(0, 1)(random);
      ++bins[static_cast<std::size_t>(drawn * kBins)];
      products += (drawn - 0.5) * (last - 0.5);
      last = drawn;
    }
    double chi_squared = 0;
    for (const int count : bins) chi_squared += std::pow(count - kDraws / kBins, 2) / (kDraws / kBins);
    EXPECT_LT(chi_squared, 130) << seed;                        // 63 degrees of freedom: above 130 once in 600,000
    EXPECT_LT(std::abs(products / kDraws * 12), 0.02) << seed;  // correlation of neighbours: five standard deviations
  }
}

}  // namespace
}  // namespace plimsoll::engine
