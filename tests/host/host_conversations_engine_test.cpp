// Conversations that outlive their leases: more of them than sequences, whose they are, and where they are swapped out.
#include "host/host.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "small_fleet.hpp"

namespace plimsoll::host {
namespace {

using plimsoll::test::expect_error;
using test::alone;
using test::budget_for;
using test::fleet_of;
using test::SmallHost;

TEST(HostConversationsTest, MoreConversationsThanSequencesTakeTurns) {
  Fleet fleet = fleet_of("a", 2);
  const std::string expected = alone(fleet.models[0].request, "Day 12.", 12);
  SmallHost small(fleet);
  std::vector<ConversationId> conversations;
  std::vector<std::string> texts(5);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    conversations.push_back(small.host.new_conversation("a"));
    texts[i] = small.go_on("a", conversations[i], "Day 12.", 4);
  }
  EXPECT_EQ(small.host.status().swapped_conversations, 3U);
  for (int turn = 0; turn < 2; ++turn) {
    for (std::size_t i = 0; i < texts.size(); ++i) texts[i] += small.go_on("a", conversations[i], "", 4);
  }
  for (const std::string& text : texts) EXPECT_EQ(text, expected);
  for (const ConversationId id : conversations) small.host.end_conversation(id);
  EXPECT_EQ(small.host.status().swapped_conversations, 0U);
}

TEST(HostConversationsTest, AConversationHasOneLeaseAndBelongsToOneModel) {
  SmallHost small(fleet_of("ab"));
  const ConversationId id = small.host.new_conversation("a");
  {
    const Lease lease = small.host.acquire("a", {.conversation = id});
    expect_error(ErrorCode::busy, "has a lease already", [&] { (void)small.host.acquire("a", {.conversation = id}); });
    expect_error(ErrorCode::busy, "has a lease", [&] { small.host.end_conversation(id); });
  }
  expect_error(ErrorCode::usage, "has no conversation", [&] { (void)small.host.acquire("b", {.conversation = id}); });
  small.host.end_conversation(id);
  expect_error(ErrorCode::usage, "there is no conversation", [&] { small.host.end_conversation(id); });
  expect_error(ErrorCode::usage, "has no model 'z'", [&] { (void)small.host.acquire("z"); });
}

TEST(HostConversationsTest, ConversationsThatDoNotFitTheSwapAreDecodedAgain) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  fleet.swap = {.memory = 0_B, .disk = 0_B, .folder = {}};
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 16);
  SmallHost small(fleet);
  const ConversationId conversation = small.host.new_conversation("a");
  std::string text = small.go_on("a", conversation, "Day 12.");
  (void)small.ask("b");
  EXPECT_LT(small.host.status().swapped_to_memory, 1_KiB) << "its tokens alone";
  EXPECT_EQ(small.host.status().swapped_to_disk, 0_B);
  text += small.go_on("a", conversation, "");
  EXPECT_EQ(text, uninterrupted);
}

TEST(HostConversationsTest, ConversationsAreSwappedOutOnDiskWhereMemoryIsShort) {
  Fleet fleet = fleet_of("ab");
  budget_for(fleet, 1);
  fleet.swap = {.memory = 0_B, .disk = 64_MiB, .folder = {}};
  const std::string uninterrupted = alone(fleet.models[0].request, "Day 12.", 16);
  SmallHost small(fleet);
  const ConversationId conversation = small.host.new_conversation("a");
  std::string text = small.go_on("a", conversation, "Day 12.");
  (void)small.ask("b");
  EXPECT_GT(small.host.status().swapped_to_disk, 0_B);
  text += small.go_on("a", conversation, "");
  EXPECT_EQ(text, uninterrupted);
  EXPECT_EQ(small.host.status().swapped_to_disk, 0_B);
}

}  // namespace
}  // namespace plimsoll::host
