// Weights that stay in host memory when their model goes, where they are the host's own.
#include <gtest/gtest.h>

#include <filesystem>

#include "host/host.hpp"

#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

// Copied from the file and charged, on any CPU.
Fleet copied(const std::string& names, Bytes budget) {
  Fleet fleet = fleet_of(names);
  for (FleetModel& model : fleet.models) model.request.dry_run.model.load_mode = engine::LoadMode::none;
  fleet.keep_in_host = budget;
  fleet.swap.memory = 16_MiB;
  return fleet;
}

Bytes weights(SmallHost& small, const std::string& name) {
  Bytes sum;
  for (const memory::Entry& entry : small.accounting.ledger().entries_of(name)) {
    if (entry.charged && entry.tag.stage == memory::Stage::weights) sum += entry.taken.current;
  }
  return sum;
}

void let_go(SmallHost& small, const std::string& name) {
  small.host.unload(name);
  small.settle();
  ASSERT_EQ(small.state(name), ModelState::swapped);
}

TEST(HostKeepingTest, AModelStaysWithItsWeightsAndComesBack) {
  SmallHost small(copied("a", 1_GiB));
  const std::string said = small.ask("a");
  const Bytes loaded = weights(small, "a");
  ASSERT_GT(loaded, Bytes{});
  let_go(small, "a");
  EXPECT_EQ(weights(small, "a"), loaded);
  EXPECT_EQ(small.host.status().kept_weights, loaded);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(small.status("a").loads, 2U);
  EXPECT_EQ(weights(small, "a"), loaded);  // not a second time
  EXPECT_EQ(small.host.status().kept_weights, Bytes{});
}

TEST(HostKeepingTest, WithoutABudgetOrBeyondItNothingStays) {
  for (const Bytes budget : {0_B, 64_KiB}) {
    SmallHost small(copied("a", budget));
    (void)small.ask("a");
    let_go(small, "a");
    EXPECT_EQ(weights(small, "a"), Bytes{});
    EXPECT_EQ(small.host.status().kept_weights, Bytes{});
  }
}

// A budget for one model: whoever comes needs what the other has left.
TEST(HostKeepingTest, WhatIsKeptMakesWayForAnyModel) {
  Fleet fleet = copied("ab", 1_GiB);
  budget_for(fleet, 1);
  const std::string expected[] = {alone(fleet.models[0].request, "Day 12.", 8),
                                  alone(fleet.models[1].request, "Day 12.", 8)};
  SmallHost small(fleet);
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(small.ask("a"), expected[0]);
    EXPECT_EQ(small.ask("b"), expected[1]);
  }
  for (const char* name : {"a", "b"}) {
    EXPECT_EQ(small.status(name).load_failures, 0U);
    EXPECT_EQ(small.status(name).refusals, 0U);
  }
  const memory::DeviceAccount account = small.accounting.ledger().account(device::host());
  EXPECT_LE(account.committed, account.budget.value());
}

TEST(HostKeepingTest, WhatWasKeptOfAnotherFileIsNotUsed) {
  const plimsoll::test::TemporaryFolder folder;
  Fleet fleet = copied("ab", 1_GiB);
  const std::string as_b = alone(fleet.models[1].request, "Day 12.", 8);
  const std::string path = folder.path("a.gguf");
  std::filesystem::copy_file(fleet.models[0].request.dry_run.model.path, path);
  fleet.models[0].request.dry_run.model.path = path;
  SmallHost small(fleet);
  (void)small.ask("a");
  let_go(small, "a");
  const std::string newer = folder.path("newer.gguf");
  std::filesystem::copy_file(fleet.models[1].request.dry_run.model.path, newer);
  std::filesystem::rename(newer, path);
  EXPECT_EQ(small.ask("a"), as_b);
}

}  // namespace
}  // namespace plimsoll::host::test
