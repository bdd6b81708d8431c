#include "plan/budget_requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan_examples.hpp"

namespace plimsoll::plan {
namespace {

using testing::HasSubstr;

std::vector<memory::BudgetRequest> budgets(const std::vector<std::string>& texts) {
  std::vector<memory::BudgetRequest> out;
  for (const std::string& text : texts) out.push_back(memory::parse_budget(text).value());
  return out;
}

Request on(std::vector<std::string> devices) {
  Request out = request();
  out.dry_run.model.devices = std::move(devices);
  return out;
}

dry_run::DeviceView view_of(const device::DeviceId& id) {
  dry_run::DeviceView view;
  view.info.id = id;
  return view;
}

TEST(BudgetRequestsTest, TwoBudgetsForOneDeviceAreSaid) {
  EXPECT_FALSE(contradiction(budgets({"90%", "A=1GiB", "B=1GiB", "CPU=1GiB"})));
  EXPECT_THAT(contradiction(budgets({"A=1GiB", "90%", "A=2GiB"})).value(), HasSubstr("'A'"));
  EXPECT_THAT(contradiction(budgets({"1GiB", "90%"})).value(), HasSubstr("without a device"));
}

TEST(BudgetRequestsTest, ABudgetForAcceleratorsThatNoModelUsesIsSaid) {
  EXPECT_THAT(budget_without_use(budgets({"1MiB"}), {on({"none"}), on({"none"})}).value(), HasSubstr("CPU=SIZE"));
  EXPECT_FALSE(budget_without_use(budgets({"1MiB"}), {on({"none"}), on({})}));
  EXPECT_FALSE(budget_without_use(budgets({"CPU=1MiB"}), {on({"none"})}));
  EXPECT_FALSE(budget_without_use({}, {on({"none"})}));
}

TEST(BudgetRequestsTest, WithoutAnAcceleratorOnTheMachineABudgetIsTheHosts) {
  const std::vector<dry_run::DeviceView> host_alone{view_of(kHost)};
  EXPECT_EQ(budgets_of_machine(budgets({"1MiB"}), host_alone).front().device, kHost);
  EXPECT_FALSE(budgets_of_machine(budgets({"1MiB"}), {view_of(kGpu), view_of(kHost)}).front().device);
  EXPECT_FALSE(budgets_of_machine(budgets({"1MiB", "CPU=2MiB"}), host_alone).front().device) << "the host's own counts";
}

// A server gives the host one where nobody does, and what is open already has one: neither is what was asked for.
TEST(BudgetRequestsTest, WithoutAnAcceleratorABudgetComesBeforeOneOfTheHostsThatNobodyAskedFor) {
  const std::vector<dry_run::DeviceView> host_alone{view_of(kHost)};
  std::vector<memory::BudgetRequest> asked = budgets({"1MiB", "CPU=2MiB"});
  asked.back().gives_way = true;
  const auto resolved = [&](const std::vector<dry_run::DeviceView>& devices) {
    return memory::resolve_budget(budgets_of_machine(asked, devices), host_alone.front().info, 1_GiB)->bytes;
  };
  EXPECT_EQ(resolved(host_alone), 1_MiB);
  EXPECT_EQ(resolved({view_of(kGpu), view_of(kHost)}), 2_MiB);
  asked.erase(asked.begin());
  EXPECT_EQ(resolved(host_alone), 2_MiB);
}

}  // namespace
}  // namespace plimsoll::plan
