// Turns on one conversation: what is said later goes on from what is in memory.
#include <gtest/gtest.h>

#include "engine/prompt_tokens.hpp"
#include "run/batched_executor.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

class TurnsTest : public ::testing::Test {
 protected:
  // The first text gets the model's begin token, later ones are read as they are.
  Generation say(Conversation& conversation, std::string_view text, GenerationParams params) {
    params.prompt = engine::prompt_tokens(*instance->model(), text, conversation.size() == 0);
    return {conversation, std::move(params)};
  }
  std::string whole_answer(Conversation& conversation, std::string_view text) {
    Generation generation = say(conversation, text, greedy);
    return stream(generation);
  }
  std::string answer_of_its_own(std::string_view text) {
    Conversation conversation = executor.create();
    return whole_answer(conversation, text);
  }
  // Without a new text.
  std::string more(Conversation& conversation, GenerationParams params) {
    params.prompt.clear();
    Generation generation(conversation, std::move(params));
    return stream(generation);
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::demo_request("bosun-log", 2));
  BatchedExecutor executor{*instance};
  GenerationParams greedy{.predict = 24, .sampling = {.temperature = 0}};
};

TEST_F(TurnsTest, KeepWhatWasSaid) {
  Conversation conversation = executor.create();
  const std::string first = whole_answer(conversation, "Day 12.");
  const std::string second = whole_answer(conversation, " Day 13.");
  EXPECT_EQ(instance->model()->vocab().detokenize(conversation.tokens(), true),
            "Day 12." + first + " Day 13." + second);
}

TEST_F(TurnsTest, EqualOnePromptOfTheSameTokens) {
  Conversation conversation = executor.create();
  (void)whole_answer(conversation, "Day 12.");
  GenerationParams whole = greedy;
  whole.prompt = conversation.tokens();
  const auto added = instance->model()->vocab().tokenize(" Day 13.", false, true);
  whole.prompt.insert(whole.prompt.end(), added.begin(), added.end());
  const std::string answer = whole_answer(conversation, " Day 13.");
  Generation fresh(executor.create(), whole);
  EXPECT_EQ(stream(fresh), answer);
}

TEST_F(TurnsTest, InputIsNotChargedAgainstTheAnswer) {
  Conversation conversation = executor.create();
  (void)whole_answer(conversation, "Day 12. Wind from the north, the sea calm.");
  GenerationParams few = greedy;
  few.predict = 3;
  Generation generation = say(conversation, " Day 13. Wind from the west, the sea rough.", few);
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 3U);
}

TEST_F(TurnsTest, AnAnswerGoesOnWhereItWasLeft) {
  const std::string whole = answer_of_its_own("Day 12.");
  Conversation conversation = executor.create();
  expect_error(ErrorCode::usage, "prompt is empty", [&] { (void)more(conversation, greedy); });
  GenerationParams some = greedy;
  some.predict = 10;
  Generation generation = say(conversation, "Day 12.", some);
  std::string parts = stream(generation);
  some.predict = 14;
  parts += more(conversation, some);
  EXPECT_EQ(parts, whole);
}

TEST_F(TurnsTest, ACancelledPromptIsFinishedByTheNextCall) {
  const std::string prompt = "Day 12. Wind from the north, the sea calm. The crew is well and the hold is dry.";
  const std::string undisturbed = answer_of_its_own(prompt);
  Conversation conversation = executor.create();
  std::stop_source source;
  source.request_stop();
  GenerationParams stopped = greedy;
  stopped.stop = source.get_token();
  Generation generation = say(conversation, prompt, stopped);
  EXPECT_EQ(stream(generation), "");
  EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
  EXPECT_EQ(more(conversation, greedy), undisturbed);
}

TEST_F(TurnsTest, AContextTooSmallIsNamed) {
  std::string long_text;
  for (int i = 0; i < 200; ++i) long_text += "Day 12. The sea is calm. ";
  Conversation conversation = executor.create();
  expect_error(ErrorCode::context_overflow, "holds 256", [&] { (void)answer_of_its_own(long_text); });
  expect_error(ErrorCode::context_overflow, "holds 256", [&] { (void)say(conversation, long_text, greedy); });
  EXPECT_EQ(executor.free_sequences(), 1U);  // the one that was refused has given its own back
  EXPECT_FALSE(whole_answer(conversation, "Day 12.").empty());
}

}  // namespace
}  // namespace plimsoll::run
