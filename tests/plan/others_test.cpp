// What other processes have is not free, in plans too, and a refusal says so.
#include "plan/others.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/machine_ledger.hpp"
#include "device/memory_key.hpp"
#include "plan/refusal.hpp"

#include "temporary_folder.hpp"

namespace plimsoll::plan {
namespace {

using testing::HasSubstr;

device::DeviceInfo card() {
  device::DeviceInfo info;
  info.id = device::DeviceId{"Vulkan0"};
  info.type = device::DeviceType::gpu;
  info.description = "a card";
  info.pci_id = "0000:c1:00.0";
  return info;
}

class OthersTest : public testing::Test {
 protected:
  OthersTest() : account(other->account(device::memory_key(card()))) {}
  void promise(Bytes bytes) const {
    ASSERT_TRUE(other->reserve({}, std::vector<broker::Want>{{.account = account, .more = bytes}}));
  }
  [[nodiscard]] DeviceState state(std::optional<memory::Budget> budget = {}) const {
    std::vector<DeviceState> states{{.info = card(),
                                     .reading = {.total = 1000_B, .free = 400_B, .used_by_us = {}, .source = "card"},
                                     .budget = budget,
                                     .ours = own}};
    take_off_others(states, *here, here->moment(), [&](const DeviceState&) { return own; });
    return states.front();
  }

  test::TemporaryFolder folder;
  std::unique_ptr<broker::MachineLedger> other = broker::MachineLedger::open({.program = "a", .path = folder / "x"});
  std::unique_ptr<broker::MachineLedger> here = broker::MachineLedger::open({.program = "b", .path = folder / "x"});
  broker::AccountId account;
  Bytes own{};
};

TEST_F(OthersTest, NobodyElseTakesNothingOff) {
  const DeviceState seen = state(memory::Budget{.bytes = 900_B, .shared = true});
  EXPECT_EQ(seen.reading.free, 400_B);
  EXPECT_EQ(seen.promised_to_others, 0_B);
  EXPECT_EQ(seen.held_back, 0_B);
}

TEST_F(OthersTest, WhatIsPromisedAndNotTakenIsNotFree) {
  promise(150_B);
  other->placed(account, 50_B);
  const DeviceState seen = state();
  EXPECT_EQ(seen.reading.free, 300_B);
  EXPECT_EQ(seen.promised_to_others, 100_B);
  EXPECT_EQ(held_by_others(seen), 600_B);  // as the device says, without promises
}

TEST_F(OthersTest, MoreThanIsFreeLeavesNothing) {
  promise(5000_B);
  EXPECT_EQ(state().reading.free, 0_B);
  EXPECT_EQ(state().promised_to_others, 400_B);
}

TEST_F(OthersTest, ASharedBudgetCountsWhatOthersHaveReserved) {
  promise(150_B);
  other->placed(account, 150_B);
  own = 30_B;
  const DeviceState alone = state(memory::Budget{.bytes = 300_B});
  EXPECT_EQ(alone.reading.free, 400_B);
  const DeviceState shared = state(memory::Budget{.bytes = 300_B, .shared = true});
  EXPECT_EQ(shared.reading.free, 120_B);
  EXPECT_EQ(shared.held_back, 280_B);
  EXPECT_EQ(held_by_others(shared), 570_B);
}

TEST_F(OthersTest, ARefusalNamesThem) {
  promise(150_B);
  const auto needing = [](const DeviceState& on) {
    DeviceVerdict verdict{.state = on, .required = 350_B, .short_by = 100_B, .limit = Limit::free};
    verdict.own_required = 350_B;
    return std::vector{verdict};
  };
  const Error error = refused("'a' does not fit", needing(state()));
  EXPECT_EQ(error.code(), ErrorCode::out_of_device_memory);
  EXPECT_THAT(error.what(), HasSubstr("150 B are promised to other processes ('plimsoll ps' lists them)"));
  EXPECT_THAT(error.numbers(), testing::Contains(testing::Pair("promised_to_others", 150U)));
}

TEST_F(OthersTest, AShortSharedBudgetIsNamedAsThat) {
  promise(250_B);
  other->placed(account, 250_B);
  const DeviceState on = state(memory::Budget{.bytes = 300_B, .shared = true});
  const ModelPlan model{
      .name = "a",
      .request = {},
      .dry_run = {},
      .entries = {{.device = card().id, .buffer = "Vulkan0", .stage = memory::Stage::weights, .bytes = 80_B}}};
  const std::vector<DeviceVerdict> verdicts = admit({model}, {on});
  EXPECT_EQ(verdicts.front().limit, Limit::shared);
  EXPECT_EQ(verdicts.front().short_by, 30_B);
  EXPECT_EQ(refusal_of(verdicts), Refusal::out_of_device_memory);
  EXPECT_THAT(why_refused(verdicts), HasSubstr("too much (shared budget)"));
}

}  // namespace
}  // namespace plimsoll::plan
