// Weights on a device, kept in host memory when their model goes: its return is uploaded from there.
#include <gtest/gtest.h>

#include <filesystem>

#include "host/host.hpp"
#include "tracker/kept_weights.hpp"

#include "small_fleet.hpp"

namespace plimsoll::host::test {
namespace {

Fleet on_vulkan(const std::string& names, Bytes budget) {
  Fleet fleet = fleet_of(names);
  for (FleetModel& model : fleet.models) {
    model.request.dry_run.model.devices = {"Vulkan0"};
    engine::ContextParams& context = model.request.dry_run.context;
    context.n_ctx = 512;
    context.n_batch = context.n_ubatch = 64;
    model.warm_up = run::WarmUpDepth::quick;
  }
  fleet.keep_in_host = budget;
  fleet.swap.memory = 16_MiB;
  return fleet;
}

Bytes copies(SmallHost& small) {
  Bytes sum;
  for (const memory::Entry& entry : small.accounting.ledger().entries_of(tracker::KeptWeights::kOwner)) {
    EXPECT_TRUE(entry.charged);
    EXPECT_TRUE(entry.tag.device.is_host());
    EXPECT_EQ(entry.tag.stage, memory::Stage::weights);
    sum += entry.taken.current;
  }
  return sum;
}

tracker::UploadCounts uploads(SmallHost& small, const std::string& name) {
  const Lease lease = small.host.acquire(name);
  return lease.instance().upload_counts();
}

void let_go(SmallHost& small, const std::string& name) {
  small.host.unload(name);
  small.settle();
}

class HostKeepingVulkanTest : public ::testing::Test {
 protected:
  // Small models, too.
  static void always(SmallHost& small) { small.accounting.tracker().set_uploads_from(0_B); }
};

TEST_F(HostKeepingVulkanTest, TheSecondLoadReadsNoWeightOfTheFileAndSaysTheSame) {
  SmallHost small(on_vulkan("a", 1_GiB));
  always(small);
  const std::string said = small.ask("a");
  const tracker::UploadCounts first = uploads(small, "a");
  ASSERT_GT(first.from_file, Bytes{});
  EXPECT_EQ(copies(small), Bytes{}) << "nothing is copied before a model goes";
  let_go(small, "a");
  const Bytes kept = copies(small);
  EXPECT_GE(kept, first.from_file);
  EXPECT_EQ(small.host.status().kept_weights, kept);
  EXPECT_EQ(small.ask("a"), said);
  EXPECT_EQ(uploads(small, "a").from_file, Bytes{});
  EXPECT_EQ(uploads(small, "a").from_kept, first.from_file);
  let_go(small, "a");  // the copy is the same
  EXPECT_EQ(copies(small), kept);
}

TEST_F(HostKeepingVulkanTest, TheLongestUnusedLeavesForTheBudget) {
  Bytes sizes[2];
  for (int i = 0; i < 2; ++i) {
    SmallHost small(on_vulkan("ab", 1_GiB));
    always(small);
    const std::string name(1, "ab"[i]);
    (void)small.ask(name);
    let_go(small, name);
    sizes[i] = copies(small);
    ASSERT_GT(sizes[i], Bytes{});
  }
  SmallHost small(on_vulkan("ab", std::max(sizes[0], sizes[1])));
  always(small);
  for (const char* name : {"a", "b"}) {
    (void)small.ask(name);
    let_go(small, name);
  }
  EXPECT_EQ(copies(small), sizes[1]);
}

TEST_F(HostKeepingVulkanTest, ACopyOfAnotherFileIsNotUsed) {
  const plimsoll::test::TemporaryFolder folder;
  Fleet fleet = on_vulkan("ab", 1_GiB);
  const std::string as_b = alone(fleet.models[1].request, "Day 12.", 8);
  const std::string path = folder.path("a.gguf");
  std::filesystem::copy_file(fleet.models[0].request.dry_run.model.path, path);
  fleet.models[0].request.dry_run.model.path = path;
  SmallHost small(fleet);
  always(small);
  (void)small.ask("a");
  let_go(small, "a");
  const std::string newer = folder.path("newer.gguf");
  std::filesystem::copy_file(fleet.models[1].request.dry_run.model.path, newer);
  std::filesystem::rename(newer, path);
  EXPECT_EQ(small.ask("a"), as_b);
  EXPECT_EQ(uploads(small, "a").from_kept, Bytes{});
}

// What is kept counts within the host's budget, and is dropped where a model needs the room.
TEST_F(HostKeepingVulkanTest, WhereTheHostsBudgetIsShortNothingIsKeptAndNobodyFails) {
  Fleet fleet = on_vulkan("ab", 1_GiB);
  fleet.swap.memory = 0_B;
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, "a") + together(fleet, "b") + 4_MiB}};
  SmallHost small(fleet);
  always(small);
  for (int turn = 0; turn < 2; ++turn) {
    for (const char* name : {"a", "b"}) {
      (void)small.ask(name);
      let_go(small, name);
      const memory::DeviceAccount account = small.accounting.ledger().account(device::host());
      EXPECT_LE(account.committed, account.budget.value());
      EXPECT_EQ(small.status(name).load_failures, 0U);
    }
  }
}

}  // namespace
}  // namespace plimsoll::host::test
