// PromptCache on a real host: whose memory is found by whom.
#include "prompt_cache.hpp"

#include <gtest/gtest.h>

#include "small_fleet.hpp"

namespace plimsoll::server {
namespace {

using host::test::fleet_of;
using host::test::SmallHost;
using Tokens = std::vector<engine::Token>;

// One request of that owner; answers which conversation it was given.
host::ConversationId ask(host::Host& host, PromptCache& kept, const std::string& owner, const Tokens& prompt) {
  const auto handle = kept.take("a", owner, prompt);
  {
    host::Lease lease = host.acquire("a");
    lease.resume(handle->id());
    (void)lease.conversation().replace(prompt);
    EXPECT_EQ(lease.conversation().infer(), engine::DecodeStatus::ok);
  }
  handle->keep(prompt);
  return handle->id();
}

TEST(PromptCacheTest, WhoBeginsAlikeGoesOnThere) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 8);
  const host::ConversationId first = ask(small.host, kept, "x", {5, 6, 7, 8});
  EXPECT_EQ(ask(small.host, kept, "x", {5, 6, 7, 8, 9, 10}), first);
  EXPECT_NE(ask(small.host, kept, "y", {5, 6, 7, 8, 9, 10}), first);  // somebody else's
  EXPECT_EQ(kept.size(), 2U);
}

TEST(PromptCacheTest, WhatIsWorthMoreThanItSavesIsLeftAlone) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 8);
  Tokens long_one{5, 6, 7};
  long_one.resize(200, 9);
  const host::ConversationId first = ask(small.host, kept, "x", long_one);
  EXPECT_NE(ask(small.host, kept, "x", {5, 6, 7, 8}), first);
  long_one.back() = 10;
  EXPECT_EQ(ask(small.host, kept, "x", long_one), first);
}

TEST(PromptCacheTest, TheLongestUnusedGoes) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 2);
  const host::ConversationId first = ask(small.host, kept, "x", {1, 2, 3});
  (void)ask(small.host, kept, "x", {11, 12, 13});  // nothing in common
  (void)ask(small.host, kept, "x", {21, 22, 23});
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_THROW(small.host.end_conversation(first), Error);  // it is no more
}

TEST(PromptCacheTest, TheLastUsedIsTheFirstOfTheRecentOnes) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 8);
  const host::ConversationId first = ask(small.host, kept, "x", {1, 2, 3});
  const host::ConversationId second = ask(small.host, kept, "x", {11, 12, 13});
  (void)ask(small.host, kept, "y", {21, 22, 23});
  EXPECT_EQ(kept.take_recent("a", "x", 2), nullptr);
  EXPECT_EQ(kept.take_recent("b", "x", 0), nullptr);
  {
    const auto handle = kept.take_recent("a", "x", 1);
    ASSERT_NE(handle, nullptr);
    EXPECT_EQ(handle->id(), first);
    EXPECT_EQ(handle->tokens(), (Tokens{1, 2, 3}));
    handle->keep(handle->tokens());
  }
  EXPECT_EQ(kept.take_recent("a", "x", 1)->id(), second);  // and it ends with its handle
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept.idle().back().id, first);
}

// What one server saved, another one goes on with.
TEST(PromptCacheTest, AConversationComesFromElsewhere) {
  std::optional<run::SequenceSnapshot> saved;
  const Tokens prompt{5, 6, 7, 8};
  {
    SmallHost small(fleet_of("a", 2));
    PromptCache kept(small.host, 8);
    saved = small.host.save_conversation(ask(small.host, kept, "x", prompt), [](Bytes) { return true; });
  }
  ASSERT_TRUE(saved.has_value());
  EXPECT_EQ(saved->tokens, prompt);
  EXPECT_GT(saved->size(), Bytes{});
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 8);
  const auto handle = kept.add("a", "x", small.host.add_conversation("a", *saved));
  host::Lease lease = small.host.acquire("a");
  lease.resume(handle->id());
  EXPECT_EQ(lease.conversation().tokens(), prompt);
  EXPECT_EQ(lease.conversation().waiting(), 0U);
  EXPECT_THROW((void)small.host.add_conversation("b", *saved), Error);
}

TEST(PromptCacheTest, WhatIsNotKeptIsEnded) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 2);
  host::ConversationId id = 0;
  {
    const auto handle = kept.take("a", "x", Tokens{1, 2, 3});
    id = handle->id();
  }
  EXPECT_EQ(kept.size(), 0U);
  EXPECT_THROW(small.host.end_conversation(id), Error);
}

}  // namespace
}  // namespace plimsoll::server
