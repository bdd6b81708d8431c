#include <gtest/gtest.h>

#include <plimsoll/base/error.hpp>
#include "run/open.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
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
  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::small_request("llama-dense", "CPU"));
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

// A prompt is looked at before anything is forgotten for it.
TEST_F(GenerationTest, APromptThatIsNoneForgetsNothing) {
  BatchedExecutor executor(*instance);
  Conversation conversation = executor.create();
  conversation.prompt(test::some_tokens(conversation.capacity() - 4));
  const std::vector<engine::Token> before = conversation.tokens();
  params.prompt = {5, 6, 7, 8, 9, 1'000'000};
  params.overflow = {.strategy = ContextOverflow::reprefill};
  test::expect_error(ErrorCode::usage, "unknown token", [&] { Generation generation(conversation, params); });
  EXPECT_EQ(conversation.tokens(), before);
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
  EXPECT_THROW(Generation(*instance, params), Error);
}

TEST_F(GenerationTest, ShowsTheStopStringWhereThatIsWanted) {
  std::string text;
  {
    Generation generation(*instance, params);
    text = all_of(generation);
  }
  params.stop_strings = {text.substr(7, 3)};
  params.keep_stop_string = true;
  Generation generation(*instance, params);
  EXPECT_EQ(all_of(generation), text.substr(0, text.find(params.stop_strings.front()) + 3));
}

TEST_F(GenerationTest, NothingIsGeneratedWhereNothingWasAskedFor) {
  params.predict = 0;
  BatchedExecutor executor(*instance);
  Conversation conversation = executor.create();
  std::vector<std::pair<std::size_t, std::size_t>> heard;
  params.prompt_progress = [&](std::size_t done, std::size_t of) { heard.emplace_back(done, of); };
  params.prompt.assign(100, 5);
  Generation generation(conversation, params);
  EXPECT_EQ(all_of(generation), "");
  EXPECT_EQ(conversation.size(), 100U);
  EXPECT_TRUE(conversation.has_logits());
  EXPECT_EQ(heard, (std::vector<std::pair<std::size_t, std::size_t>>{{64, 100}, {100, 100}}));
}

TEST_F(GenerationTest, AConversationGoesOnWhereTheLastGenerationEnded) {
  params.predict = 20;
  std::string whole;
  {
    Generation generation(*instance, params);
    whole = all_of(generation);
  }
  BatchedExecutor executor(*instance);
  Conversation conversation = executor.create();
  params.predict = 7;
  std::string parts;
  {
    Generation first(conversation, params);
    parts = stream(first);
  }
  params.prompt.clear();
  params.predict = 13;
  Generation second(conversation, params);
  EXPECT_EQ(parts + stream(second), whole);
}

TEST_F(GenerationTest, ACallbackLeavesWhenItWants) {
  Generation generation(*instance, params);
  int seen = 0;
  const std::string said = stream(generation, [&](std::string_view) { return ++seen < 3; });
  EXPECT_EQ(seen, 3);
  EXPECT_FALSE(said.empty());
  EXPECT_EQ(generation.finish_reason(), FinishReason::running);
}

TEST_F(GenerationTest, AFullContextIsAnErrorUnlessSomethingElseWasChosen) {
  params.predict = 300;
  Generation generation(*instance, params);
  test::expect_error(ErrorCode::context_overflow, "holds 256", [&] { (void)all_of(generation); });
  EXPECT_EQ(generation.tokens().size(), 256U - params.prompt.size() + 1);
}

// Forgets and goes on, again and again; the begin of the conversation stays.
class OverflowTest : public ::testing::TestWithParam<std::pair<std::string, ContextOverflow>> {};

TEST_P(OverflowTest, GoesOnInAFullContext) {
  const auto [model, strategy] = GetParam();
  MemoryAccounting accounting;
  const auto instance = test::ready(accounting, test::lively_request(model, 1));
  BatchedExecutor executor(*instance);
  Conversation conversation = executor.create();
  GenerationParams params{.prompt = test::some_tokens(40), .predict = 600, .ignore_end_of_generation = true};
  params.sampling.seed = 1;
  params.overflow = {.strategy = strategy, .keep = 10, .discard_share = 0.25};
  Generation generation(conversation, params);
  (void)stream(generation);
  EXPECT_EQ(generation.tokens().size(), 600U);
  EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  std::vector<engine::Token> start = conversation.tokens();
  start.resize(10);
  EXPECT_EQ(start, test::some_tokens(10));
  EXPECT_LE(conversation.size(), conversation.capacity());
  EXPECT_EQ(conversation.next_position(), static_cast<engine::Position>(conversation.size()));
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  if (strategy != ContextOverflow::reprefill) return;
  // As if what was forgotten had never been.
  ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
  test::FreshEvaluation fresh(*instance);
  EXPECT_LE(test::largest_difference(conversation.logits(), fresh.logits(conversation.tokens())),
            test::kLogitTolerance);
}

// Recurrent and hybrid memory cannot shift, and M-RoPE's positions (qwen2vl) cannot either: decoded again there.
using Case = std::pair<std::string, ContextOverflow>;
INSTANTIATE_TEST_SUITE_P(
    Models, OverflowTest,
    ::testing::Values(Case("llama-dense", ContextOverflow::shift), Case("llama-dense", ContextOverflow::reprefill),
                      Case("mamba-dense", ContextOverflow::shift), Case("jamba-dense", ContextOverflow::shift),
                      Case("jamba-dense", ContextOverflow::reprefill), Case("qwen2vl-dense", ContextOverflow::shift),
                      Case("gemma3-dense", ContextOverflow::shift), Case("gemma3-dense", ContextOverflow::reprefill)),
    [](const auto& one) {
      std::string name = one.param.first + (one.param.second == ContextOverflow::shift ? "_shift" : "_reprefill");
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST_F(GenerationTest, ALongPromptMakesRoomForItself) {
  BatchedExecutor executor(*instance);
  Conversation conversation = executor.create();
  params.prompt = test::some_tokens(200);
  {
    Generation first(conversation, params);
    (void)stream(first);
  }
  params.overflow = {.strategy = ContextOverflow::shift, .keep = 4};
  params.prompt = test::some_tokens(150, 9);
  Generation second(conversation, params);
  (void)stream(second);
  EXPECT_EQ(second.tokens().size(), 10U);
  params.overflow.keep = 200;
  params.prompt = test::some_tokens(150, 9);
  test::expect_error(ErrorCode::context_overflow, "are to be kept",
                     [&] { const Generation third(conversation, params); });
}

TEST(GenerationOfTest, EveryKindOfMemoryGenerates) {
  MemoryAccounting accounting;
  for (const char* architecture : {"gemma3-dense", "mamba-dense", "jamba-dense", "deepseek2-moe", "lfm2-dense"}) {
    const auto instance = test::ready(accounting, test::small_request(architecture, "CPU"));
    Generation generation(*instance, {.prompt = {5, 6, 7}, .predict = 4, .sampling = {.temperature = 0}});
    EXPECT_FALSE(all_of(generation).empty()) << architecture;
    EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U) << architecture;
  }
}

}  // namespace
}  // namespace plimsoll::run
