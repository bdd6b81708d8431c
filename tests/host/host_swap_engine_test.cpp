// What a host keeps of conversations in host memory: charged, within the budget, and out of the way of models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using test::alone;
using test::fleet_of;
using test::SmallHost;
using test::together;

constexpr Bytes kRoom = 4_MiB;  // beside the models: for some conversations of some hundred tokens

std::string long_prompt(int i) {
  std::string prompt = "Day " + std::to_string(i) + ".";
  for (int word = 0; word < 150; ++word) prompt += " The wind was fair.";
  return prompt;
}

memory::DeviceAccount on_host(SmallHost& small) { return small.accounting.ledger().account(device::host()); }

Bytes swapped_out(SmallHost& small) {
  Bytes sum;
  for (const memory::Entry& entry : small.accounting.ledger().entries_of("swap")) {
    EXPECT_EQ(entry.tag.stage, memory::Stage::conversations);
    sum += entry.taken.current;
  }
  return sum;
}

TEST(HostSwapSpaceTest, ManyLongPromptsStayWithinTheHostsBudget) {
  Fleet fleet = fleet_of("a", 2);
  fleet.budgets = {{.device = device::host(), .amount = together(fleet, "a") + kRoom}};
  SmallHost small(fleet);
  std::atomic<bool> crossed = false;
  std::vector<ConversationId> conversations;
  {
    const std::jthread watching([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const memory::DeviceAccount account = on_host(small);
        if (account.committed > *account.budget) crossed = true;
        std::this_thread::yield();
      }
    });
    for (int i = 0; i < 24; ++i) {
      conversations.push_back(small.host.new_conversation("a"));
      (void)small.go_on("a", conversations.back(), long_prompt(i), 1);
    }
  }
  EXPECT_FALSE(crossed);
  const HostStatus status = small.host.status();
  EXPECT_EQ(status.swapped_conversations, 22U);
  EXPECT_EQ(status.swapped_to_memory, swapped_out(small));
  EXPECT_GT(status.swapped_to_memory, 0_B);
  EXPECT_GT(status.swapped_to_disk, 0_B);
  for (const ConversationId id : conversations) small.host.end_conversation(id);
  EXPECT_EQ(swapped_out(small), 0_B);
}

TEST(HostSwapSpaceTest, SwappedOutConversationsMakeWayForAModelAndGoOnExactly) {
  Fleet fleet = fleet_of("ab", 1);
  fleet.models[1].request.compute_group = "";
  const Bytes both = together(fleet, "ab");
  fleet.budgets = {{.device = device::host(), .amount = both + test::kSlack}};
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 16);
  SmallHost small(fleet);
  const ConversationId first = small.host.new_conversation("a");
  std::string text = small.go_on("a", first, "Day 12.");
  // As much as fits beside a is swapped out, which is more than b leaves room for.
  for (int i = 0; on_host(small).committed + both < *on_host(small).budget + together(fleet, "a") && i < 400; ++i)
    (void)small.go_on("a", small.host.new_conversation("a"), long_prompt(i), 1);
  EXPECT_FALSE(small.ask("b").empty());
  EXPECT_EQ(small.state("a"), ModelState::ready);
  EXPECT_EQ(small.status("a").evictions, 0U);
  EXPECT_LE(on_host(small).committed, *on_host(small).budget);
  text += small.go_on("a", first, "");
  EXPECT_EQ(text, uninterrupted);
}

}  // namespace
}  // namespace plimsoll::host
