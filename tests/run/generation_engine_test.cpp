#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include <plimsoll/run/open.hpp>

#include "small_models.hpp"

namespace plimsoll::run {
namespace {

std::string all_of(Generation& generation) {
  std::string text;
  for (const std::string& piece : pieces(generation)) text += piece;
  return text;
}

class GenerationTest : public ::testing::Test {
 protected:
  MemoryBooks books;
  std::unique_ptr<Instance> instance = test::ready(books, test::small_request("llama-dense", "CPU"));
  GenerationParams params{.prompt = {5, 6, 7}, .predict = 10, .sampling = {.temperature = 0}};
};

TEST_F(GenerationTest, GivesTheTextOfItsTokensUpToTheLimit) {
  Generation generation(*instance, params);
  const std::string text = all_of(generation);
  EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  ASSERT_EQ(generation.tokens().size(), 10U);
  EXPECT_EQ(text, instance->model()->vocab().detokenize(generation.tokens()));
}

TEST_F(GenerationTest, EndsBeforeAStopString) {
  std::string text;
  {
    Generation generation(*instance, params);
    text = all_of(generation);
  }
  params.stop_strings = {text.substr(7, 3)};
  Generation generation(*instance, params);
  EXPECT_EQ(all_of(generation), text.substr(0, text.find(params.stop_strings.front())));
  EXPECT_EQ(generation.finish_reason(), FinishReason::stop_string);
}

TEST_F(GenerationTest, IsTheSameEveryTimeAtTemperatureZero) {
  std::string first;
  {
    Generation generation(*instance, params);
    first = all_of(generation);
  }
  Generation again(*instance, params);
  EXPECT_EQ(all_of(again), first);
}

TEST_F(GenerationTest, IsTheSameForTheSameSeed) {
  params.sampling = {.seed = 7, .temperature = 1.5F};
  std::string first;
  {
    Generation generation(*instance, params);
    first = all_of(generation);
  }
  Generation again(*instance, params);
  EXPECT_EQ(all_of(again), first);
}

// Greedy choices equal the largest logit of a plain decode, token by token.
TEST_F(GenerationTest, AgreesWithPlainDecoding) {
  std::vector<engine::Token> tokens;
  {
    Generation generation(*instance, params);
    (void)all_of(generation);
    tokens = generation.tokens();
  }
  engine::Context& context = instance->context();
  std::vector<engine::Token> history = params.prompt;
  for (const engine::Token expected : tokens) {
    context.clear();
    engine::Batch batch;
    batch.add_prompt(history, 0, 0);
    ASSERT_EQ(instance->decode(batch), engine::DecodeStatus::ok);
    const auto logits = context.logits(-1);
    EXPECT_EQ(std::ranges::max_element(logits) - logits.begin(), expected);
    history.push_back(expected);
  }
}

TEST_F(GenerationTest, EndsWhereTheContextIsFull) {
  params.predict = -1;
  Generation generation(*instance, params);
  (void)all_of(generation);
  EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  // The last token chosen needs no place of its own.
  EXPECT_EQ(generation.tokens().size() + params.prompt.size(), instance->context().facts().n_ctx_seq + 1U);
}

TEST_F(GenerationTest, RefusesAPromptThatDoesNotFit) {
  params.prompt.assign(instance->context().facts().n_ctx_seq, 1);
  try {
    const Generation generation(*instance, params);
    FAIL() << "a prompt as long as the context was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::context_overflow);
    EXPECT_EQ(error.numbers().front().second, params.prompt.size() + 1);
  }
}

TEST_F(GenerationTest, TakesThePromptThatJustFits) {
  params.prompt.assign(instance->context().facts().n_ctx_seq - 1, 1);
  params.predict = 1;
  Generation generation(*instance, params);
  EXPECT_FALSE(all_of(generation).empty());
}

TEST_F(GenerationTest, StopsWhenAskedAndTheNextOneIsRight) {
  std::string undisturbed;
  {
    Generation generation(*instance, params);
    undisturbed = all_of(generation);
  }
  {
    std::stop_source source;
    GenerationParams stopped = params;
    stopped.stop = source.get_token();
    Generation generation(*instance, stopped);
    ASSERT_TRUE(generation.next().has_value());
    source.request_stop();
    EXPECT_FALSE(generation.next().has_value());
    EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
    EXPECT_EQ(generation.tokens().size(), 1U);
  }
  Generation generation(*instance, params);
  EXPECT_EQ(all_of(generation), undisturbed);
}

TEST_F(GenerationTest, ARangeThatIsLeftEarlyLeavesAnEmptyContext) {
  {
    Generation generation(*instance, params);
    for (const std::string& piece : pieces(generation)) {
      EXPECT_FALSE(piece.empty());
      break;
    }
  }
  EXPECT_EQ(instance->context().last_position(0), -1);
}

TEST_F(GenerationTest, RefusesTokensThatAreNone) {
  params.prompt = {instance->model()->facts().n_vocab};
  Generation generation(*instance, params);
  EXPECT_THROW((void)generation.next(), Error);
}

TEST(GenerationOfTest, EveryKindOfMemoryGenerates) {
  MemoryBooks books;
  for (const char* architecture : {"gemma3-dense", "mamba-dense", "jamba-dense", "deepseek2-moe", "lfm2-dense"}) {
    const auto instance = test::ready(books, test::small_request(architecture, "CPU"));
    Generation generation(*instance, {.prompt = {5, 6, 7}, .predict = 4, .sampling = {.temperature = 0}});
    EXPECT_FALSE(all_of(generation).empty()) << architecture;
    EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U) << architecture;
  }
}

}  // namespace
}  // namespace plimsoll::run
