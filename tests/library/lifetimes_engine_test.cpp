// What a program cannot do wrong with the library: ends in any order, handles that were moved from, two answers at
// once.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <plimsoll/plimsoll.hpp>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "demo_model.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"

namespace plimsoll {
namespace {

using test::expect_error;
using test::kGreedy;
using test::kModel;
using test::small;

TEST(Lifetimes, AnAnswerOutlivesEverythingItCameFrom) {
  const std::string expected = Runtime().open(kModel, small()).generate("Day 12.", kGreedy).read_all();
  std::optional<Generation> answer;
  {
    Runtime runtime;
    const Model model = runtime.open(kModel, small());
    Conversation conversation = model.conversation();
    answer = conversation.generate("Day 12.", kGreedy);
  }
  EXPECT_EQ(answer->read_all(), expected);
  EXPECT_FALSE(expected.empty());
}

TEST(Lifetimes, EverythingIsGivenBackWithTheLastHandle) {
  Runtime runtime;
  {
    const Model model = runtime.open(kModel, small());
    EXPECT_FALSE(runtime.ledger().empty());
    const Model copy = model;
    Conversation conversation = copy.conversation();
  }
  for (const memory::Entry& entry : runtime.ledger())
    EXPECT_EQ(entry.taken.current, Bytes{}) << entry.tag.owner << ' ' << to_string(entry.tag.stage);
  for (const DeviceStatus& device : runtime.devices()) EXPECT_EQ(device.committed, Bytes{});
}

TEST(Lifetimes, ATurnOutlivesItsChat) {
  const Model model = Runtime().open(kModel, small());
  std::optional<Generation> turn;
  {
    Chat chat(model);
    turn = chat.say("Who are you?", kGreedy);
  }
  EXPECT_FALSE(turn->read_all().empty());
}

TEST(Lifetimes, WhatWasMovedFromSaysSo) {
  Runtime runtime;
  Model model = runtime.open(kModel, small(2));
  Conversation conversation = model.conversation();
  Chat chat(model);
  Generation answer = conversation.generate("Day 12.", kGreedy);
  Sampler sampler(model, {});
  {
    const Generation taken = std::move(answer);
  }
  {
    const Conversation taken = std::move(conversation);
  }
  {
    const Chat taken = std::move(chat);
  }
  {
    const Sampler taken = std::move(sampler);
  }
  {
    const Model taken = std::move(model);
  }
  {
    const Runtime taken = std::move(runtime);
  }
  expect_error(ErrorCode::usage, "this generation was moved from", [&] { (void)answer.next(); });
  expect_error(ErrorCode::usage, "this conversation was moved from", [&] { (void)conversation.size(); });
  expect_error(ErrorCode::usage, "this chat was moved from", [&] { (void)chat.say("x"); });
  expect_error(ErrorCode::usage, "this sampler was moved from", [&] { sampler.reset(); });
  expect_error(ErrorCode::usage, "this model was moved from", [&] { (void)model.info(); });
  expect_error(ErrorCode::usage, "this runtime was moved from", [&] { (void)runtime.devices(); });
}

TEST(Lifetimes, ValuesThatWereMovedFromSaySo) {
  Runtime runtime;
  Plan plan = runtime.plan(kModel, small());
  Media picture = Media::from_pixels(1, 1, std::vector<std::uint8_t>(3));
  const Model model = runtime.open(kModel, small());
  Conversation conversation = model.conversation();
  conversation.prompt("Day 12.");
  SavedConversation saved = conversation.save();
  {
    const Plan taken = std::move(plan);
  }
  {
    const Media taken = std::move(picture);
  }
  {
    const SavedConversation taken = std::move(saved);
  }
  expect_error(ErrorCode::usage, "this plan was moved from", [&] { (void)plan.fits(); });
  expect_error(ErrorCode::usage, "this medium was moved from", [&] { (void)picture.width(); });
  expect_error(ErrorCode::usage, "this saved conversation was moved from", [&] { (void)saved.tokens(); });
  expect_error(ErrorCode::usage, "this saved conversation was moved from", [&] { conversation.restore(saved); });
}

TEST(Lifetimes, ASamplerOfAnotherVocabularyIsRefused) {
  Runtime runtime;
  const Model model = runtime.open(kModel, small());
  const Model other = runtime.open(test::kOtherModel, small());
  Conversation conversation = model.conversation();
  conversation.prompt("Day 12.");
  conversation.infer();
  GenerationOptions options = kGreedy;
  options.sampler = std::make_shared<Sampler>(other, SamplingParams{});
  const char* const why = "a model with another vocabulary";
  expect_error(ErrorCode::usage, why, [&] { (void)conversation.sample(*options.sampler); });
  expect_error(ErrorCode::usage, why, [&] { (void)conversation.generate(options); });
  conversation.clear();
  {
    const Conversation gone = std::move(conversation);
  }
  Chat chat(model);
  expect_error(ErrorCode::usage, why, [&] { (void)chat.say("x", options); });
  EXPECT_FALSE(chat.say("x", kGreedy).read_all().empty());
  // Another handle of the same file has the same tokens.
  const Model same = runtime.open(kModel, small());
  options.sampler = std::make_shared<Sampler>(same, SamplingParams{.temperature = 0});
  EXPECT_FALSE(chat.say("y", options).read_all().empty());
}

TEST(Lifetimes, AnEmptyFunctionIsAUsageErrorAndNotTheEnd) {
  const Model model = Runtime().open(kModel, small());
  {
    Conversation conversation = model.conversation();
    expect_error(ErrorCode::usage, "the function is empty", [&] { conversation.modify({}); });
    EXPECT_FALSE(conversation.generate("Day 12.", kGreedy).read_all().empty());
  }
  ChatOptions options;
  options.input_transforms.emplace_back();
  expect_error(ErrorCode::usage, "empty function", [&] { const Chat chat(model, options); });
  EXPECT_FALSE(Chat(model).say("x", kGreedy).read_all().empty());  // its sequence was given back
}

TEST(Lifetimes, NothingIsGeneratedInsideACallback) {
  const Model model = Runtime().open(kModel, small(2));
  GenerationOptions options = kGreedy;
  std::optional<Generation> own;
  bool other = false;
  options.on_token = [&](Token, std::span<const float>) {
    if (!std::exchange(other, true))
      expect_error(ErrorCode::usage, "while tokens are decoded", [&] { (void)model.generate("Day 13.").next(); });
    expect_error(ErrorCode::usage, "while tokens are decoded", [&] { (void)own->next(); });
  };
  own = model.generate("Day 12.", options);
  EXPECT_FALSE(own->read_all().empty());
  EXPECT_TRUE(other);
}

TEST(Lifetimes, PositionsStayPositions) {
  const Model model = Runtime().open(kModel, small());
  {
    Conversation conversation = model.conversation();
    conversation.prompt("Day 12. Wind north");
    conversation.infer();
    for (const std::int32_t by : {std::numeric_limits<std::int32_t>::max(), -100})
      expect_error(ErrorCode::usage, "cannot be moved",
                   [&] { conversation.modify([&](Conversation::MemoryEdit& edit) { edit.add(0, -1, by); }); });
  }
  EXPECT_FALSE(model.generate("Day 12.", kGreedy).read_all().empty());
}

TEST(Lifetimes, ASecondRuntimeIsRefusedWhileOneLives) {
  const Runtime runtime;
  expect_error(ErrorCode::usage, "one runtime at a time", [] { const Runtime second; });
}

TEST(Lifetimes, AConversationHasOneAnswerAtATime) {
  const Model model = Runtime().open(kModel, small());
  Conversation conversation = model.conversation();
  Generation first = conversation.generate("Day 12.", kGreedy);
  (void)first.next();
  expect_error(ErrorCode::usage, "under way", [&] { (void)conversation.generate("Day 13.", kGreedy); });
  expect_error(ErrorCode::usage, "under way", [&] { conversation.rewind(1); });
  expect_error(ErrorCode::usage, "under way", [&] { (void)conversation.save(); });
  (void)first.read_all();
  EXPECT_EQ(first.finish_reason(), FinishReason::length);
  EXPECT_EQ(first.tokens().size(), 12U);
  // Over, and still there: the conversation is free.
  EXPECT_FALSE(conversation.generate(" Then", kGreedy).read_all().empty());
}

TEST(Lifetimes, GenerationsCanBeKeptInAVector) {
  const Model model = Runtime().open(kModel, small(3));
  std::vector<Generation> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(model.generate("Day 12.", kGreedy));
  const std::string first = answers.front().read_all();
  for (std::size_t i = 1; i < answers.size(); ++i) EXPECT_EQ(answers[i].read_all(), first);
}

TEST(Lifetimes, AnAnswerThatIsLeftGivesItsSequenceBack) {
  const Model model = Runtime().open(kModel, small());
  {
    Generation left = model.generate("Day 12.", kGreedy);
    (void)left.next();
  }
  EXPECT_FALSE(model.generate("Day 12.", kGreedy).read_all().empty());
}

// Without a limit to its patience, somebody has to tell it.
TEST(Lifetimes, WhoWaitsForASequenceHearsOfAChatThatCouldNotBeMade) {
  const Model model = Runtime().open(kModel, small());
  constexpr int kTimes = 200;
  std::jthread waits([&] {
    for (int i = 0; i < kTimes; ++i) (void)model.conversation({.patience = std::chrono::milliseconds::max()});
  });
  for (int i = 0; i < kTimes; ++i) {
    ChatOptions options;
    options.input_transforms.emplace_back();
    expect_error(ErrorCode::usage, "empty function",
                 [&] { const Chat chat(model, std::move(options), {.patience = std::chrono::milliseconds::max()}); });
  }
}

// The only sequence is given back for what takes its place.
TEST(Lifetimes, NobodyGetsTheSequenceOfAConversationThatIsRestored) {
  const Model model = Runtime().open(kModel, small());
  Conversation conversation = model.conversation();
  conversation.prompt("Day 12.");
  conversation.infer();
  const std::vector<Token> tokens = conversation.tokens();
  const SavedConversation saved = conversation.save();
  std::atomic<bool> is_over = false;
  std::jthread takes([&] {
    while (!is_over) expect_error(ErrorCode::busy, "", [&] { (void)model.conversation(); });
  });
  for (int i = 0; i < 200; ++i) EXPECT_NO_THROW(conversation.restore(saved));
  is_over = true;
  takes.join();
  EXPECT_EQ(conversation.tokens(), tokens);
}

// A callback runs with the locks of the decode loop, and who takes a sequence needs them.
TEST(Lifetimes, AConversationMayEndInsideACallbackWhileAnotherIsTaken) {
  constexpr std::uint32_t kSequences = 8;
  const Model model = Runtime().open(kModel, small(kSequences));
  std::vector<Conversation> others;
  for (std::uint32_t i = 0; i + 2 < kSequences; ++i) others.push_back(model.conversation());
  std::atomic<bool> is_over = false;
  std::jthread takes([&] {
    while (!is_over) (void)model.conversation({.patience = std::chrono::milliseconds::max()});
  });
  GenerationOptions options = kGreedy;
  options.on_token = [&](Token, std::span<const float>) {
    if (!others.empty()) others.pop_back();
  };
  EXPECT_FALSE(model.generate("Day 12.", options, {.patience = std::chrono::milliseconds::max()}).read_all().empty());
  is_over = true;
  takes.join();
  EXPECT_TRUE(others.empty());
}

}  // namespace
}  // namespace plimsoll
