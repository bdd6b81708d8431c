// Generations that pause: their conversation is saved and restored meanwhile, and their text is what it would have
// been.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "run/generation.hpp"
#include "run/ready_signal.hpp"

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
    params.read_ahead = 4;
    return params;
  }
  std::string undisturbed() {
    Generation generation(executor.create(), params());
    return stream(generation);
  }
  // What was made before it paused.
  static std::string rest_of(Generation& generation) {
    std::string text;
    for (auto piece = generation.poll(); piece && !piece->empty(); piece = generation.poll()) text += *piece;
    return text;
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
    Generation generation(*conversation, params());
    std::string text;
    for (int i = 0; i < at; ++i) text += generation.next().value();
    generation.pause();
    text += rest_of(generation);
    ASSERT_EQ(generation.finish_reason(), FinishReason::running);
    swap_out_and_back(conversation);
    generation.go_on();
    text += stream(generation);
    EXPECT_EQ(text, expected) << "paused after " << at;
    EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  }
}

TEST_P(GenerationPauseTest, ItPausesWithinItsPromptAndAgainAndAgain) {
  const std::string expected = undisturbed();
  std::optional<Conversation> conversation(executor.create());
  GenerationParams asked = params();
  ReadySignal ready;
  asked.prompt_progress = [&](std::size_t, std::size_t) { ready.notify(); };
  Generation generation(*conversation, asked);
  std::string text = generation.poll().value();
  ready.wait(0);  // a micro-batch of the prompt is decoded
  for (int i = 0; i < 3; ++i) {
    generation.pause();
    text += rest_of(generation);
    swap_out_and_back(conversation);
    generation.go_on();
    text += generation.next().value();
  }
  EXPECT_EQ(text + stream(generation), expected);
}

TEST_P(GenerationPauseTest, WhatIsDecodedAgainFromItsTokensGoesOnAsWell) {
  std::optional<Conversation> conversation(executor.create());
  Generation generation(*conversation, params());
  (void)generation.next();
  generation.pause();
  (void)rest_of(generation);
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
  {
    Generation generation(*conversation, params());
    (void)generation.next();
    generation.pause();
    test::expect_error(ErrorCode::usage, "is paused", [&] {
      while (generation.next()) {
      }
    });
    conversation.reset();  // its sequence is somebody else's now
  }
  EXPECT_EQ(executor.free_sequences(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Models, GenerationPauseTest, testing::Values("llama-dense", "mamba-dense"),
                         [](const auto& one) { return one.param.substr(0, one.param.find('-')); });

TEST(ReadySignalTest, AWaitEndsByItselfOrByWhatComes) {
  ReadySignal ready;
  const std::uint32_t seen = ready.seen();
  EXPECT_FALSE(ready.wait_for(seen, std::chrono::milliseconds(1)));
  for (int i = 0; i < 3; ++i) ready.notify();
  EXPECT_TRUE(ready.wait_for(seen, std::chrono::hours(1)));
  EXPECT_FALSE(ready.wait_for(ready.seen(), std::chrono::milliseconds(1))) << "what came before does not count";
  ready.wait(seen);
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
