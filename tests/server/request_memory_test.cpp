#include "request_memory.hpp"

#include <gtest/gtest.h>

#include "api/problem.hpp"
#include "memory/ledger.hpp"

namespace plimsoll::server {
namespace {

class RequestMemoryTest : public testing::Test {
 protected:
  RequestMemoryTest() { ledger.set_budget(device::host(), 8_MiB); }
  [[nodiscard]] Bytes charged() const { return ledger.account(device::host()).taken; }
  static int status_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const api::Problem& problem) {
      EXPECT_EQ(problem.retry_after().has_value(), problem.status() == 503);
      return problem.status();
    }
    return 200;
  }

  memory::Ledger ledger;
  int kept = 0;  // things that can make way
  RequestMemory memory{ledger, [this] { return kept > 0 && kept-- > 0; }};
};

TEST_F(RequestMemoryTest, IsInTheLedgerWhileARequestIsAtWork) {
  auto one = memory.take(500'000);
  EXPECT_GE(memory.held(), Bytes{3'500'000});
  EXPECT_GE(charged() + 1_MiB, memory.held());
  EXPECT_GE(charged(), 3_MiB);
  EXPECT_EQ(ledger.entries_of(RequestMemory::kOwner).size(), 1U);
  one->grow(2_MiB);
  EXPECT_GE(charged(), 5_MiB);
  one.reset();
  EXPECT_EQ(memory.held(), 0_B);
  EXPECT_EQ(charged(), 0_B);
}

TEST_F(RequestMemoryTest, ABodyIsChargedBeforeItIsThere) {
  const auto body = memory.receive(3'000'000);
  EXPECT_EQ(memory.held(), Bytes{3'000'000});
  EXPECT_EQ(charged(), 2_MiB);
  EXPECT_EQ(status_of([&] { (void)memory.receive(7'000'000); }), 503);
  EXPECT_EQ(memory.held(), Bytes{3'000'000});
}

TEST_F(RequestMemoryTest, AFewSmallOnesTakeNothingFromAModelThatJustFits) {
  std::vector<std::unique_ptr<RequestMemory::Share>> shares;
  for (int i = 0; i < 16; ++i) shares.push_back(memory.take(1000));
  EXPECT_EQ(charged(), 0_B);
}

TEST_F(RequestMemoryTest, WhatTheBudgetHasNoRoomForIsToldToComeAgain) {
  std::vector<std::unique_ptr<RequestMemory::Share>> shares;
  const auto take = [&] { shares.push_back(memory.take(100'000)); };
  int taken = 0;
  while (status_of(take) == 200) ++taken;
  EXPECT_GE(taken, 4);
  EXPECT_LE(taken, 12);
  EXPECT_LE(charged(), 8_MiB);
  EXPECT_EQ(status_of([&] { shares.front()->grow(7_MiB); }), 503) << "an answer that gets too long";
  shares.pop_back();
  EXPECT_EQ(status_of(take), 200);
}

TEST_F(RequestMemoryTest, WhatIsKeptForLaterMakesWay) {
  const auto whole = memory.take(0);
  memory::Charge others(ledger, memory::on_the_heap("prompts", memory::Stage::conversations));
  ASSERT_TRUE(others.resize(7_MiB));
  EXPECT_EQ(status_of([&] { (void)memory.take(500'000); }), 413);
  kept = 2;
  EXPECT_EQ(status_of([&] { (void)memory.take(500'000); }), 413);
  EXPECT_EQ(kept, 0) << "it was asked for all that there is";
}

// To come again would be in vain.
TEST_F(RequestMemoryTest, WhatDoesNotFitWithoutTheOthersEitherIsTooLarge) {
  const auto one = memory.take(100'000);
  const auto other = memory.receive(6'000'000);
  EXPECT_EQ(status_of([&] { one->grow(7_MiB); }), 503);
  EXPECT_EQ(status_of([&] { one->grow(20_MiB); }), 413);
  EXPECT_EQ(status_of([&] { one->grow(9_MiB); }), 503);
  memory::Charge model(ledger, memory::on_the_heap("model", memory::Stage::weights));
  ASSERT_TRUE(model.resize(1_MiB));
  EXPECT_EQ(status_of([&] { one->grow(9_MiB); }), 413);
}

}  // namespace
}  // namespace plimsoll::server
