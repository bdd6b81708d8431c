// PromptCache on a real host: whose memory is found by whom.
#include "prompt_cache.hpp"

#include <gtest/gtest.h>

#include <numeric>

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

Tokens numbers(std::size_t count, engine::Token first = 1) {
  Tokens out(count);
  std::iota(out.begin(), out.end(), first);
  return out;
}

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// What a request leaves behind: its prompt and what was answered. Its conversation.
host::ConversationId leave(PromptCache& kept, const Tokens& prompt, const Tokens& answer = {},
                           const WantedPrompt& wanted = {}) {
  const auto handle = kept.take("a", "x", prompt, wanted);
  handle->keep(joined(prompt, answer), prompt.size());
  return handle->id();
}

// A turn that is written anew once it is over, and a second try, go on with the conversation.
TEST(PromptCacheTest, AChatLosesWhatWasAnsweredLast) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const Tokens prompt = numbers(300);
  const host::ConversationId chat = leave(kept, prompt, numbers(900, 1000));
  EXPECT_EQ(leave(kept, joined(prompt, numbers(20, 5000))), chat);
}

// A title, a question to follow: they begin as the chat does, and have something else to say in its middle.
TEST(PromptCacheTest, AChatIsLeftAloneByWhoSaysSomethingElseInIt) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const Tokens prompt = numbers(600);
  const host::ConversationId chat = leave(kept, prompt, numbers(50, 1000));
  const Tokens title = joined(numbers(400), numbers(30, 3000));
  {
    const auto handle = kept.take("a", "x", title);
    EXPECT_NE(handle->id(), chat);
    EXPECT_EQ(handle->like(), chat) << "the beginning is copied";
    handle->keep(title, title.size());
  }
  EXPECT_EQ(leave(kept, joined(prompt, numbers(60, 1000))), chat);
}

// Else each letter that somebody types would leave a copy.
TEST(PromptCacheTest, ATextIsEditedInPlace) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const host::ConversationId text = leave(kept, numbers(600), {}, {.is_chat = false});
  EXPECT_EQ(leave(kept, joined(numbers(400), numbers(200, 3000)), {}, {.is_chat = false}), text);
  EXPECT_NE(leave(kept, joined(numbers(200), numbers(200, 5000)), {}, {.is_chat = false}), text);
}

TEST(PromptCacheTest, AConversationIsFoundByItsNumberWhateverItHolds) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const host::ConversationId first = leave(kept, numbers(300), {}, {.number = 1});
  const host::ConversationId second = leave(kept, numbers(300, 2000), {}, {.number = 2});
  EXPECT_NE(first, second);
  EXPECT_EQ(leave(kept, numbers(40, 7000), {}, {.number = 1}), first);
  EXPECT_NE(leave(kept, numbers(300, 2000), {}, {.number = 3}), second) << "another number's";
  // Without a number: who goes on with it, and nobody else.
  EXPECT_EQ(leave(kept, joined(numbers(300, 2000), {5, 6})), second);
  EXPECT_NE(leave(kept, joined(numbers(150, 2000), {5, 6})), second);
  EXPECT_EQ(leave(kept, numbers(9, 9000), {}, {.number = 2}), second);
  EXPECT_NE(kept.take("a", "y", Tokens{1, 2}, {.number = 2})->id(), second) << "another key's";
}

TEST(PromptCacheTest, ANumberGoesToWhoHasNoneYet) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const host::ConversationId chat = leave(kept, numbers(300));
  EXPECT_EQ(leave(kept, joined(numbers(300), {7}), {}, {.number = 4}), chat);
  EXPECT_EQ(leave(kept, numbers(20, 4000), {}, {.number = 4}), chat);
  EXPECT_EQ(kept.take_recent("a", "x", 4)->id(), chat);
}

// What begins like another one is copied from there, and what the number held is dropped.
TEST(PromptCacheTest, ANumberThatHoldsLittleOfUseBeginsAsACopy) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 8);
  const host::ConversationId numbered = leave(kept, numbers(200, 4000), {}, {.number = 1});
  const host::ConversationId other = leave(kept, numbers(600));
  {
    const auto handle = kept.take("a", "x", joined(numbers(500), {9, 9}), {.number = 1});
    EXPECT_EQ(handle->like(), other);
    handle->keep(joined(numbers(500), {9, 9}), 502);
  }
  EXPECT_THROW(small.host.end_conversation(numbered), Error);
  EXPECT_EQ(kept.size(), 2U);
}

TEST(PromptCacheTest, TwoAtOnceOfOneNumberLeaveItToTheLast) {
  SmallHost small(fleet_of("a", 2));
  PromptCache kept(small.host, 8);
  auto first = kept.take("a", "x", numbers(9), {.number = 1});
  auto second = kept.take("a", "x", numbers(9, 100), {.number = 1});
  EXPECT_NE(first->id(), second->id());
  const host::ConversationId last = first->id();
  second->keep(numbers(9, 100), 9);
  second.reset();
  first->keep(numbers(9), 9);
  first.reset();
  EXPECT_EQ(leave(kept, numbers(3, 500), {}, {.number = 1}), last);
  EXPECT_EQ(kept.size(), 2U);
}

TEST(PromptCacheTest, ThoseWithoutANumberGoFirst) {
  SmallHost small(fleet_of("a", 1));
  PromptCache kept(small.host, 2);
  const host::ConversationId numbered = leave(kept, numbers(9), {}, {.number = 1});
  for (engine::Token day = 1; day < 5; ++day) (void)leave(kept, numbers(9, 100 * day));
  EXPECT_EQ(kept.size(), 2U);
  EXPECT_EQ(leave(kept, numbers(9, 900), {}, {.number = 1}), numbered);
  (void)leave(kept, numbers(9, 1000), {}, {.number = 2});
  const host::ConversationId last = leave(kept, numbers(9, 1100));
  EXPECT_EQ(leave(kept, numbers(10, 1100)), last) << "the last one stays, whatever the others are";
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
