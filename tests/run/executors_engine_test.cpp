#include <gtest/gtest.h>

#include <thread>

#include "run/interactive_executor.hpp"
#include "run/open.hpp"
#include "run/stateless_executor.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

class ExecutorsTest : public ::testing::Test {
 protected:
  void open(const std::string& model, std::uint32_t sequences) {
    executor.reset();
    instance = test::ready(accounting, test::demo_request(model, sequences));
    executor.emplace(*instance);
  }
  static std::string text_of(Generation&& generation) { return stream(generation); }
  [[nodiscard]] std::string text_in_memory(Conversation& conversation) const {
    return instance->model()->vocab().detokenize(conversation.tokens(), true);
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
  GenerationParams greedy{.predict = 24, .sampling = {.temperature = 0}};
};

TEST_F(ExecutorsTest, StatelessSaysTheSameEveryTimeAndMakesNoContext) {
  open("bosun-log", 2);
  const StatelessExecutor stateless(*executor);
  const std::string first = text_of(stateless.infer("Day 12.", greedy));
  EXPECT_FALSE(first.empty());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(text_of(stateless.infer("Day 12.", greedy)), first);
  EXPECT_EQ(executor->free_sequences(), 2U);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
}

TEST_F(ExecutorsTest, StatelessIsBusyWhereEverySequenceIsLeased) {
  open("bosun-log", 1);
  const StatelessExecutor stateless(*executor);
  Generation first = stateless.infer("Day 12.", greedy);
  ASSERT_TRUE(first.next());
  expect_error(ErrorCode::busy, "all 1 sequences", [&] { (void)stateless.infer("Day 13.", greedy); });
  EXPECT_FALSE(stream(first).empty());
}

TEST_F(ExecutorsTest, StatelessAnswersSeveralThreadsAtOnce) {
  open("bosun-log", 4);
  const StatelessExecutor stateless(*executor);
  std::vector<std::string> alone;
  for (int i = 0; i < 4; ++i) alone.push_back(text_of(stateless.infer("Day " + std::to_string(12 + i) + ".", greedy)));
  std::vector<std::string> together(4);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        together[static_cast<std::size_t>(i)] = text_of(stateless.infer("Day " + std::to_string(12 + i) + ".", greedy));
      });
    }
  }
  EXPECT_EQ(together, alone);
}

TEST_F(ExecutorsTest, StatelessWritesTheTemplateAndTheSystemMessage) {
  open("mate-chat", 1);
  const StatelessExecutor stateless(*executor, {.apply_template = true, .system = "You are the mate."});
  Generation generation = stateless.infer("Who are you?", greedy);
  (void)generation.next();
  const std::string prompt = text_in_memory(generation.conversation());
  EXPECT_THAT(prompt, testing::HasSubstr("You are the mate."));
  EXPECT_THAT(prompt, testing::HasSubstr("Who are you?"));
  EXPECT_LT(prompt.find("You are the mate."), prompt.find("Who are you?"));
  expect_error(ErrorCode::usage, "template", [&] { const StatelessExecutor wrong(*executor, {.system = "x"}); });
}

TEST_F(ExecutorsTest, InteractiveKeepsWhatWasSaid) {
  open("bosun-log", 1);
  InteractiveExecutor interactive(*executor);
  const std::string first = text_of(interactive.infer("Day 12.", greedy));
  const std::string second = text_of(interactive.infer(" Day 13.", greedy));
  EXPECT_EQ(text_in_memory(*interactive.conversation()), "Day 12." + first + " Day 13." + second);
}

// Turns of a conversation and one prompt of the same text are the same.
TEST_F(ExecutorsTest, InteractiveTurnsEqualOnePromptOfTheSameTokens) {
  open("bosun-log", 2);
  InteractiveExecutor interactive(*executor);
  (void)text_of(interactive.infer("Day 12.", greedy));
  std::vector<engine::Token> before = interactive.conversation()->tokens();
  const auto more = instance->model()->vocab().tokenize(" Day 13.", false, true);
  before.insert(before.end(), more.begin(), more.end());
  const std::string answer = text_of(interactive.infer(" Day 13.", greedy));
  GenerationParams whole = greedy;
  whole.prompt = before;
  Generation fresh(executor->create(), whole);
  EXPECT_EQ(stream(fresh), answer);
}

TEST_F(ExecutorsTest, InputIsNotChargedAgainstTheAnswer) {
  open("bosun-log", 1);
  InteractiveExecutor interactive(*executor);
  (void)text_of(interactive.infer("Day 12. Wind from the north, the sea calm.", greedy));
  GenerationParams few = greedy;
  few.predict = 3;
  Generation generation = interactive.infer(" Day 13. Wind from the west, the sea rough.", few);
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 3U);
}

TEST_F(ExecutorsTest, AnAnswerGoesOnWhereItWasLeft) {
  open("bosun-log", 2);
  const StatelessExecutor stateless(*executor);
  const std::string whole = text_of(stateless.infer("Day 12.", greedy));
  InteractiveExecutor interactive(*executor);
  expect_error(ErrorCode::usage, "prompt is empty", [&] { (void)interactive.resume(greedy); });
  GenerationParams some = greedy;
  some.predict = 10;
  std::string parts = text_of(interactive.infer("Day 12.", some));
  some.predict = 14;
  parts += text_of(interactive.resume(some));
  EXPECT_EQ(parts, whole);
}

TEST_F(ExecutorsTest, APrefilledPromptIsInMemoryBeforeTheFirstAnswer) {
  open("bosun-log", 2);
  InteractiveExecutor interactive(*executor);
  ASSERT_EQ(interactive.prefill("Day 12."), engine::DecodeStatus::ok);
  EXPECT_FALSE(interactive.conversation()->requires_inference());
  const StatelessExecutor stateless(*executor);
  EXPECT_EQ(text_of(interactive.resume(greedy)), text_of(stateless.infer("Day 12.", greedy)));
}

TEST_F(ExecutorsTest, ACancelledPromptIsFinishedByTheNextCall) {
  open("bosun-log", 2);
  const std::string prompt = "Day 12. Wind from the north, the sea calm. The crew is well and the hold is dry.";
  const StatelessExecutor stateless(*executor);
  const std::string undisturbed = text_of(stateless.infer(prompt, greedy));
  InteractiveExecutor interactive(*executor);
  std::stop_source source;
  source.request_stop();
  GenerationParams stopped = greedy;
  stopped.stop = source.get_token();
  Generation generation = interactive.infer(prompt, stopped);
  EXPECT_EQ(stream(generation), "");
  EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
  EXPECT_EQ(text_of(interactive.resume(greedy)), undisturbed);
}

TEST_F(ExecutorsTest, AContextTooSmallIsNamedByEveryExecutor) {
  open("bosun-log", 2);
  std::string long_text;
  for (int i = 0; i < 200; ++i) long_text += "Day 12. The sea is calm. ";
  const StatelessExecutor stateless(*executor);
  InteractiveExecutor interactive(*executor);
  expect_error(ErrorCode::context_overflow, "holds 256", [&] { (void)stateless.infer(long_text, greedy); });
  expect_error(ErrorCode::context_overflow, "holds 256", [&] { (void)interactive.infer(long_text, greedy); });
  EXPECT_EQ(executor->free_sequences(), 1U);  // the interactive one keeps its own
  EXPECT_FALSE(text_of(interactive.infer("Day 12.", greedy)).empty());
}

}  // namespace
}  // namespace plimsoll::run
