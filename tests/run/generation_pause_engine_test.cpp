// Generations that pause: their conversation is saved and restored meanwhile, and their text is what it would have
// been; and what a reader hears while it waits.
#include <gtest/gtest.h>

#include <latch>
#include <optional>
#include <thread>

#include "run/generation.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::some_tokens;

class GenerationPauseTest : public testing::TestWithParam<std::string> {
 protected:
  static GenerationParams params() {
    GenerationParams params{.prompt = some_tokens(150), .predict = 40, .sampling = {.temperature = 0}};
    params.sampling.penalty_repeat = 1.2F;  // the sampler remembers what it chose
    params.sampling.penalty_last_n = 32;
    params.ignore_end_of_generation = true;
    return params;
  }
  std::string undisturbed() {
    Generation generation(executor.create(), params());
    return stream(generation);
  }
  // Its memory leaves the context, another one computes where it was, and it comes back.
  void swap_out_and_back(std::optional<Conversation>& conversation) {
    const SequenceSnapshot saved = conversation->save();
    conversation.reset();
    Conversation other = executor.create();
    other.prompt(some_tokens(60, 7));
    ASSERT_EQ(other.infer(), engine::DecodeStatus::ok);
    conversation.emplace(executor.load(saved));
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::lively_request(GetParam(), 2));
  BatchedExecutor executor{*instance};
};

TEST_P(GenerationPauseTest, TheTextIsTheSameWhereverItPauses) {
  const std::string expected = undisturbed();
  for (const int at : {0, 1, 5, 20}) {
    std::optional<Conversation> conversation(executor.create());
    GenerationParams asked = params();
    std::stop_source pause;
    asked.pause = pause.get_token();
    asked.read_ahead = 4;
    Generation generation(*conversation, asked);
    std::string text;
    for (int i = 0; i < at; ++i) text += generation.next().value();
    pause.request_stop();
    while (auto piece = generation.next()) text += *piece;
    ASSERT_TRUE(generation.is_paused()) << at;
    ASSERT_EQ(generation.finish_reason(), FinishReason::running);
    swap_out_and_back(conversation);
    generation.go_on();
    EXPECT_FALSE(generation.is_paused());
    text += stream(generation);
    EXPECT_EQ(text, expected) << "paused after " << at;
    EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  }
}

TEST_P(GenerationPauseTest, ItPausesWithinItsPromptAndAgainAndAgain) {
  const std::string expected = undisturbed();
  std::optional<Conversation> conversation(executor.create());
  GenerationParams asked = params();
  std::stop_source pause;
  asked.pause = pause.get_token();
  std::size_t read = 0;
  asked.prompt_progress = [&](std::size_t done, std::size_t) {
    if (std::exchange(read, done) == 0) pause.request_stop();  // after its first micro-batch
  };
  Generation generation(*conversation, asked);
  std::string text;
  int pauses = 0;
  for (;;) {
    auto piece = generation.next();
    if (piece) {
      text += *piece;
      if (pauses == 1) pause.request_stop();
      continue;
    }
    if (!generation.is_paused()) break;
    ++pauses;
    if (pauses == 1) {
      EXPECT_LT(read, 150U) << "the prompt was not read yet";
    }
    swap_out_and_back(conversation);
    pause = std::stop_source();
    generation.go_on(pause.get_token());
  }
  EXPECT_EQ(pauses, 2);
  EXPECT_EQ(text, expected);
}

TEST_P(GenerationPauseTest, WhatIsDecodedAgainFromItsTokensGoesOnAsWell) {
  std::optional<Conversation> conversation(executor.create());
  GenerationParams asked = params();
  std::stop_source pause;
  asked.pause = pause.get_token();
  Generation generation(*conversation, asked);
  std::string text = generation.next().value();
  pause.request_stop();
  while (auto piece = generation.next()) text += *piece;
  const std::vector<engine::Token> tokens = conversation->tokens();
  conversation.reset();
  conversation.emplace(executor.create());
  conversation->prompt(tokens);
  generation.go_on();
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 40U);
}

TEST_P(GenerationPauseTest, APausedOneMayBeLeft) {
  std::optional<Conversation> conversation(executor.create());
  GenerationParams asked = params();
  std::stop_source pause;
  asked.pause = pause.get_token();
  {
    Generation generation(*conversation, asked);
    (void)generation.next();
    pause.request_stop();
    while (generation.next()) {
    }
    conversation.reset();  // its sequence is somebody else's now
  }
  EXPECT_EQ(executor.free_sequences(), 2U);
}

TEST_P(GenerationPauseTest, OneThatIsNotPausedCannotGoOn) {
  Generation generation(executor.create(), params());
  test::expect_error(ErrorCode::usage, "not paused", [&] { generation.go_on(); });
}

INSTANTIATE_TEST_SUITE_P(Models, GenerationPauseTest, testing::Values("llama-dense", "mamba-dense"),
                         [](const auto& one) { return one.param.substr(0, one.param.find('-')); });

class WaitingReaderTest : public testing::Test {
 protected:
  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::lively_request("llama-dense", 3));
};

// The loop does something else until the reader has been told twice.
TEST_F(WaitingReaderTest, IsToldThatItStillWaits) {
  std::latch told(2);
  std::thread::id teller;
  BatchedExecutor executor(*instance);
  GenerationParams params{.prompt = some_tokens(20), .predict = 3};
  std::latch begun(1);
  const std::jthread other([&] {
    instance->on_loop([&] {
      begun.count_down();
      told.wait();
    });
  });
  begun.wait();
  int left = 2;  // a latch is not counted down any further
  params.waiting.step = std::chrono::milliseconds(1);
  params.waiting.tell = [&] {
    teller = std::this_thread::get_id();
    if (left-- > 0) told.count_down();
  };
  Generation generation(executor.create(), params);
  EXPECT_TRUE(generation.next().has_value());
  EXPECT_LE(left, 0);
  EXPECT_EQ(teller, std::this_thread::get_id());
}

TEST_F(WaitingReaderTest, HearsOfItsPromptOnItsOwnThread) {
  BatchedExecutor executor(*instance);
  GenerationParams params{.prompt = some_tokens(150), .predict = 1};
  std::vector<std::size_t> heard;
  params.prompt_progress = [&, here = std::this_thread::get_id()](std::size_t done, std::size_t of) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(of, 150U);
    heard.push_back(done);
  };
  Generation generation(executor.create(), params);
  EXPECT_TRUE(generation.next().has_value());
  EXPECT_EQ(heard, (std::vector<std::size_t>{64, 128, 150}));
}

// What others hold comes free again: nothing is wrong with the prompt.
TEST(FullCacheTest, APromptThatOthersLeaveNoRoomForIsToldToComeAgain) {
  MemoryAccounting accounting;
  plan::Request request = test::lively_request("llama-dense", 3);
  request.dry_run.context.kv_unified = true;  // 768 cells for all
  const auto instance = test::ready(accounting, request);
  BatchedExecutor executor(*instance);
  Conversation held = executor.create();
  held.prompt(some_tokens(600));
  ASSERT_EQ(held.infer(), engine::DecodeStatus::ok);
  Generation generation(executor.create(), {.prompt = some_tokens(300, 2), .predict = 4});
  test::expect_error(ErrorCode::busy, "others fill the cache", [&] { (void)stream(generation); });
}

}  // namespace
}  // namespace plimsoll::run
