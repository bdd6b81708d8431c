// Budgets belong to the accounting, and to memories: a card that two backends offer has one.
#include "run/memory_accounting.hpp"

#include <gtest/gtest.h>

namespace plimsoll::run {
namespace {

const device::DeviceId kCuda{"CUDA0"};
const device::DeviceId kVulkan{"Vulkan0"};

std::vector<plan::DeviceVerdict> one_card(Bytes budget) {
  std::vector<plan::DeviceVerdict> verdicts(2);
  verdicts[0].state.info.id = kCuda;
  verdicts[1].state.info.id = kVulkan;
  verdicts[1].state.info.same_memory_as = kCuda;
  for (plan::DeviceVerdict& verdict : verdicts) verdict.state.budget = memory::Budget{.bytes = budget};
  return verdicts;
}

TEST(MemoryAccountingTest, ABudgetForEitherNameOfACardIsInThePlaceOfTheOneBefore) {
  MemoryAccounting accounting;
  accounting.set_budgets(one_card(60_GiB));
  for (const device::DeviceId& named : {kCuda, kVulkan}) {
    const auto budgets = accounting.budgets_with({{.device = named, .amount = 40_GiB}});
    ASSERT_EQ(budgets.size(), 1U) << named.name();
    EXPECT_EQ(budgets[0].device, named);
    EXPECT_EQ(std::get<Bytes>(budgets[0].amount), 40_GiB);
  }
}

TEST(MemoryAccountingTest, ACardsBudgetIsRememberedOnce) {
  MemoryAccounting accounting;
  accounting.set_budgets(one_card(60_GiB));
  const auto budgets = accounting.budgets_with({});
  ASSERT_EQ(budgets.size(), 1U);
  EXPECT_EQ(budgets[0].device, kCuda);
  EXPECT_EQ(accounting.ledger().account(kVulkan).budget, 60_GiB);
  EXPECT_EQ(accounting.budgets_with({{.device = std::nullopt, .amount = 50_GiB}}).size(), 1U)
      << "one for all accelerators";
}

TEST(MemoryAccountingTest, ABudgetOfBeforeGivesWayToWhatIsAskedForNow) {
  MemoryAccounting accounting;
  accounting.set_budgets(one_card(60_GiB));
  EXPECT_TRUE(accounting.budgets_with({}).front().gives_way);
  EXPECT_FALSE(accounting.budgets_with({{.device = kCuda, .amount = 50_GiB}}).front().gives_way);
}

}  // namespace
}  // namespace plimsoll::run
