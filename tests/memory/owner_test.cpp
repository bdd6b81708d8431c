#include "memory/owner.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <expect_error.hpp>
#include <optional>
#include <thread>
#include <vector>

namespace plimsoll::memory {
namespace {

using plimsoll::test::expect_error;

TEST(OwnerTest, ANameThatLivesIsRefusedAndIsFreeAgainAfterwards) {
  OwnerNames names;
  {
    const Owner first = names.claim("model");
    EXPECT_EQ(first.name(), "model");
    expect_error(ErrorCode::usage, "'model' is open already", [&] { (void)names.claim("model"); });
  }
  EXPECT_EQ(names.claim("model").name(), "model");
}

TEST(OwnerTest, NumberedNamesTakeTheFirstThatIsFree) {
  OwnerNames names;
  const Owner first = names.claim_numbered("model");
  std::optional<Owner> second = names.claim_numbered("model");
  const Owner third = names.claim_numbered("model");
  EXPECT_EQ(first.name(), "model");
  EXPECT_EQ(second->name(), "model-2");
  EXPECT_EQ(third.name(), "model-3");
  second.reset();
  EXPECT_EQ(names.claim_numbered("model").name(), "model-2");
}

TEST(OwnerTest, AClaimMovesAndIsGivenUpOnce) {
  OwnerNames names;
  Owner first = names.claim("a");
  Owner moved = std::move(first);
  EXPECT_EQ(moved.name(), "a");
  moved = names.claim("b");
  EXPECT_EQ(names.claim("a").name(), "a");
  expect_error(ErrorCode::usage, "", [&] { (void)names.claim("b"); });
}

TEST(OwnerTest, AClaimMayOutliveTheNames) {
  std::optional<OwnerNames> names(std::in_place);
  const Owner owner = names->claim("a");
  names.reset();
  EXPECT_EQ(owner.name(), "a");
}

TEST(OwnerTest, ThreadsNeverGetOneName) {
  OwnerNames names;
  std::atomic<int> holders = 0;
  std::atomic<int> most = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 200; ++round) {
          const Owner owner = names.claim_numbered("a");
          if (owner.name() != "a") continue;
          const int now = ++holders;
          if (now > most) most = now;
          --holders;
        }
      });
    }
  }
  EXPECT_EQ(most, 1);
}

}  // namespace
}  // namespace plimsoll::memory
