// A host with two devices (the software GPU, offered twice): what goes where, and who goes for whom.
#include <gtest/gtest.h>

#include <cstdlib>

#include "host/free_capacity.hpp"
#include "host/host.hpp"

#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using test::alone;
using test::fleet_of;
using test::SmallHost;

const device::DeviceId kFirst{"Vulkan0"};
const device::DeviceId kSecond{"Vulkan1"};

// Before the backends start: each test is a process of its own.
class HostTwoDevices : public ::testing::Test {
 protected:
  HostTwoDevices() { ::setenv("GGML_VK_VISIBLE_DEVICES", "0,0", 1); }
};

// a on the first device, b on the second, c on both.
Fleet fleet_on_two() {
  Fleet fleet = fleet_of("abc");
  const std::vector<std::string> devices[] = {{kFirst.name()}, {kSecond.name()}, {kFirst.name(), kSecond.name()}};
  for (std::size_t i = 0; i < fleet.models.size(); ++i) {
    dry_run::DryRunRequest& dry_run = fleet.models[i].request.dry_run;
    dry_run.model.devices = devices[i];
    dry_run.context.n_ctx = 512;
    dry_run.context.n_batch = dry_run.context.n_ubatch = 16;
    fleet.models[i].warm_up = run::WarmUpDepth::quick;  // who goes where is shown with few pipelines, too
  }
  fleet.models[2].request.dry_run.model.tensor_split = {1, 1};
  return fleet;
}

// On each device room for what stands there, and not for c beside it.
void set_budgets_of_both(Fleet& fleet) {
  dry_run::LocalDryRuns dry_runs;
  plan::Store nothing("/dev/null/plimsoll.db");
  const plan::Plan plan = plan::Planner(dry_runs, nothing).plan(requests_of(fleet));
  std::vector<plan::DeviceState> devices;
  for (const plan::DeviceVerdict& verdict : plan.devices) devices.push_back(verdict.state);
  const FreeCapacity capacity(plan.models, devices);
  for (const device::DeviceId& device : {kFirst, kSecond}) {
    const auto needed = [&](const std::vector<std::string>& names) {
      for (const plan::DeviceVerdict& verdict : capacity.judge(names)) {
        if (verdict.state.info.id == device) return verdict.required;
      }
      return Bytes{};
    };
    fleet.budgets.push_back({.device = device, .amount = std::max(needed({"a", "b"}), needed({"c"})) + 1_MiB});
  }
}

TEST_F(HostTwoDevices, ModelsOnDevicesOfTheirOwnAreReadyTogetherAndOneOnBothSendsThemAway) {
  Fleet fleet = fleet_on_two();
  set_budgets_of_both(fleet);
  std::vector<std::string> expected;
  for (const FleetModel& model : fleet.models) expected.push_back(alone(model.request, "Day 12.", 8));
  SmallHost small(fleet);

  EXPECT_EQ(small.ask("a"), expected[0]);
  EXPECT_EQ(small.ask("b"), expected[1]);
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.state("b"), ModelState::ready);

  EXPECT_EQ(small.ask("c"), expected[2]);
  small.settle();
  EXPECT_EQ(small.status("a").evictions, 1U);
  EXPECT_EQ(small.status("b").evictions, 1U);
  EXPECT_EQ(small.ask("b"), expected[1]);
  for (const device::DeviceId& device : {kFirst, kSecond}) {
    const memory::DeviceAccount account = small.accounting.ledger().account(device);
    EXPECT_LE(account.committed, account.budget.value()) << device.name();
  }
  EXPECT_EQ(small.status("b").seal.allocations_after_seal, 0U);
}

}  // namespace
}  // namespace plimsoll::host
