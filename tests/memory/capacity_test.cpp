// What every capacity promises, and the one idea of each.
#include "memory/capacity.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace plimsoll::memory {
namespace {

const device::DeviceId kGpu{"Vulkan0"};
Tag tag(const std::string& owner, Stage stage = Stage::compute) {
  return {.device = kGpu, .owner = owner, .stage = stage, .buffer = "Vulkan0"};
}
constexpr Bytes kBudget = 100_B;

// The accounting and everything a source may stand on.
struct Ground {
  Ground() { ledger.set_budget(kGpu, kBudget); }
  Ledger ledger;
  Seal seal;
  LedgerCapacity limited{ledger};
};

template <class Source>
struct Make;
template <>
struct Make<LedgerCapacity> : Ground {
  LedgerCapacity source{ledger};
};
template <>
struct Make<SealedCapacity> : Ground {
  SealedCapacity source{limited, ledger, seal};
};

template <class Source>
class CapacityTest : public ::testing::Test {
 protected:
  Make<Source> make;
  Source& source = make.source;
  Ledger& ledger = make.ledger;
};
using Sources = ::testing::Types<LedgerCapacity, SealedCapacity>;
TYPED_TEST_SUITE(CapacityTest, Sources);

TYPED_TEST(CapacityTest, GrantsUpToTheBudgetAndChargesWhatItGrants) {
  ASSERT_TRUE(this->source.try_acquire(tag("a"), kBudget));
  EXPECT_EQ(this->ledger.taken_on(kGpu), kBudget);
  this->source.release(tag("a"), kBudget);
  EXPECT_TRUE(this->ledger.empty());
}

TYPED_TEST(CapacityTest, RefusesAByteMoreAndChargesNothing) {
  ASSERT_TRUE(this->source.try_acquire(tag("a"), kBudget));
  const auto refused = this->source.try_acquire(tag("b"), 1_B);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, RefusedBy::budget);
  EXPECT_EQ(refused.error().device, kGpu);
  EXPECT_EQ(refused.error().owner, "b");
  EXPECT_EQ(refused.error().requested, 1_B);
  EXPECT_EQ(refused.error().available, 0_B);
  EXPECT_EQ(refused.error().limit, kBudget);
  ASSERT_EQ(refused.error().largest.size(), 1U);
  EXPECT_EQ(refused.error().largest[0].tag.owner, "a");
  EXPECT_EQ(this->ledger.taken_on(kGpu), kBudget);
}

TYPED_TEST(CapacityTest, WhatIsReleasedMayBeAcquiredAgain) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(this->source.try_acquire(tag("a"), kBudget));
    this->source.release(tag("a"), kBudget);
  }
  EXPECT_TRUE(this->ledger.empty());
}

TYPED_TEST(CapacityTest, ThreadsNeverHoldMoreThanTheBudgetTogether) {
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, owner = std::to_string(thread)] {
        for (int round = 0; round < 300; ++round) {
          if (!this->source.try_acquire(tag(owner), 30_B)) continue;
          const int now = ++held;
          for (int seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          --held;
          this->source.release(tag(owner), 30_B);
        }
      });
    }
  }
  EXPECT_LE(most, 3);  // 3 x 30 fit under 100
  EXPECT_GE(most, 1);
  EXPECT_TRUE(this->ledger.empty());
}

class SealedCapacityTest : public ::testing::Test, protected Ground {
 protected:
  SealedCapacity source{limited, ledger, seal};
};

TEST_F(SealedCapacityTest, AfterSealingOnlyTheReservationIsThereAndEveryUseIsCounted) {
  const auto held = ledger.reserve("a", {{tag("a"), 50_B}});
  ASSERT_TRUE(source.try_acquire(tag("a"), 40_B));
  seal.close("a");
  EXPECT_TRUE(source.try_acquire(tag("a"), 10_B));
  const auto refused = source.try_acquire(tag("a"), 1_B);  // the budget would have let it through
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().by, RefusedBy::seal);
  EXPECT_EQ(refused.error().available, 0_B);  // of what it has reserved
  EXPECT_EQ(refused.error().limit, 50_B);
  EXPECT_TRUE(source.try_acquire(tag("b"), 20_B));  // another owner is not sealed
  EXPECT_EQ(seal.counts("a").allocations_after_seal, 1U);
  EXPECT_EQ(seal.counts("a").refused_after_seal, 1U);
  EXPECT_EQ(seal.counts("b").allocations_after_seal, 0U);
}

// Lets other threads go first, just before the ledger is asked: the moment at which it may change.
class Yielding final : public CapacityAdaptor {
 public:
  explicit Yielding(AnyCapacity& next) : CapacityAdaptor(next) {}
  std::expected<void, Refusal> try_acquire(const Tag& asked, Bytes bytes) override {
    std::this_thread::yield();
    return next().try_acquire(asked, bytes);
  }
};

TEST_F(SealedCapacityTest, ThreadsOfASealedOwnerTakeNoMoreThanItsReservationTogether) {
  Yielding yielding(limited);
  SealedCapacity sealed(yielding, ledger, seal);
  const auto held = ledger.reserve("a", {{tag("a"), 50_B}});
  seal.close("a");
  std::atomic<int> beyond{0};
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&] {
        for (int round = 0; round < 500; ++round) {
          if (!sealed.try_acquire(tag("a"), 30_B)) continue;
          if (ledger.taken_on(kGpu) > 50_B) ++beyond;
          sealed.release(tag("a"), 30_B);
        }
      });
    }
  }
  EXPECT_EQ(beyond, 0);
}

// A next link that says no, or cannot answer: whatever stands in front of it has kept nothing.
class Refusing final : public AnyCapacity {
 public:
  explicit Refusing(bool throws) : throws_(throws) {}
  std::expected<void, Refusal> try_acquire(const Tag&, Bytes) override {
    if (throws_) throw std::runtime_error("the next one failed");
    return std::unexpected(Refusal{});
  }
  void release(const Tag&, Bytes) noexcept override { ADD_FAILURE() << "released what was never granted"; }
  void placed(const Tag&, Bytes) noexcept override { ADD_FAILURE() << "placed what was never granted"; }
  void leaving(const Tag&, Bytes) noexcept override { ADD_FAILURE() << "left what was never placed"; }

 private:
  bool throws_;
};

TEST(CapacityChainTest, GivesBackWhenTheNextRefusesOrThrows) {
  for (const bool throws : {false, true}) {
    Ground ground;
    Refusing next(throws);
    SealedCapacity source(next, ground.ledger, ground.seal);
    const auto held = ground.ledger.reserve("a", {{tag("a"), 50_B}});
    ground.seal.close("a");
    try {
      EXPECT_FALSE(source.try_acquire(tag("a"), 10_B));
      EXPECT_FALSE(throws);
    } catch (const std::runtime_error&) {
      EXPECT_TRUE(throws);
    }
    EXPECT_EQ(ground.ledger.taken_on(kGpu), 0_B);
    EXPECT_EQ(ground.ledger.reserved("a", kGpu).unused, 50_B);
    EXPECT_EQ(ground.seal.counts("a").allocations_after_seal, 0U);
  }
}

}  // namespace
}  // namespace plimsoll::memory
