// The host on a software GPU: compute groups whose compute buffers lies on a device, switches that find the pipelines
// compiled.
#include "host/host.hpp"

#include <gtest/gtest.h>

#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using test::alone;
using test::fleet_of;
using test::SmallHost;

const device::DeviceId kVulkan{"Vulkan0"};

Fleet on_vulkan(const std::string& names) {
  Fleet fleet = fleet_of(names);
  for (FleetModel& model : fleet.models) {
    model.request.dry_run.model.devices = {kVulkan.name()};
    engine::ContextParams& context = model.request.dry_run.context;
    context.n_ctx = 512;
    context.n_batch = context.n_ubatch = 64;  // wide ones compile more pipelines, for minutes, and show nothing else
  }
  return fleet;
}

Bytes compute_on_device(run::MemoryAccounting& accounting) {
  Bytes sum;
  for (const memory::Entry& entry : accounting.ledger().entries()) {
    if (entry.tag.stage == memory::Stage::compute && entry.tag.device == kVulkan) sum += entry.taken.current;
  }
  return sum;
}

TEST(HostVulkanTest, ModelsOfAComputeGroupShareBuffersAndSayWhatTheySayAlone) {
  const Fleet fleet = on_vulkan("ab");
  Bytes largest;
  std::vector<std::string> expected;
  for (const FleetModel& model : fleet.models) {
    Bytes compute;
    for (const plan::Entry& entry : plimsoll::test::plan_of(model.request).models.front().entries) {
      if (entry.stage == memory::Stage::compute && entry.device == kVulkan) compute += entry.bytes;
    }
    largest = std::max(largest, compute);
    expected.push_back(alone(model.request, "Day 12.", 24));
  }
  SmallHost small(fleet);
  const ConversationId a = small.host.new_conversation("a");
  const ConversationId b = small.host.new_conversation("b");
  std::string texts[2] = {small.go_on("a", a, "Day 12."), small.go_on("b", b, "Day 12.")};
  for (int turn = 0; turn < 2; ++turn) {
    texts[0] += small.go_on("a", a, "");
    texts[1] += small.go_on("b", b, "");
  }
  EXPECT_EQ(texts[0], expected[0]);
  EXPECT_EQ(texts[1], expected[1]);
  EXPECT_EQ(compute_on_device(small.accounting), largest);
  for (const char* name : {"a", "b"}) EXPECT_EQ(small.status(name).seal.allocations_after_seal, 0U);
}

TEST(HostVulkanTest, ASwitchFindsThePipelinesCompiledAndTheConversationGoesOn) {
  Fleet fleet = on_vulkan("ab");
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 24);
  Bytes most;
  for (const FleetModel& model : fleet.models) {
    const plan::Plan plan = plimsoll::test::plan_of(model.request);
    most = std::max(most, plan::required_on(kVulkan, plan.models));
  }
  fleet.budgets = {{.device = kVulkan, .amount = most + 1_MiB}};  // runtime included: only one at a time
  SmallHost small(fleet);
  const ConversationId a = small.host.new_conversation("a");
  std::string text = small.go_on("a", a, "Day 12.");
  const double first_load = small.status("a").last_load_ms;
  (void)small.ask("b");
  text += small.go_on("a", a, "");
  const double second_load = small.status("a").last_load_ms;
  (void)small.ask("b");
  text += small.go_on("a", a, "");
  EXPECT_EQ(text, uninterrupted);
  EXPECT_LT(second_load, first_load / 2);
  EXPECT_EQ(small.status("a").seal.allocations_after_seal, 0U);
  const memory::DeviceAccount account = small.accounting.ledger().account(kVulkan);
  EXPECT_LE(account.committed, account.budget.value());
}

}  // namespace
}  // namespace plimsoll::host
