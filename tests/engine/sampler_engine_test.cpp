#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::largest;
using test::logits_after;

class SamplerTest : public testing::Test {
 protected:
  // Samples until the model's end or `most` tokens; each is decoded.
  std::vector<Token> run(const SamplingParams& params, std::size_t most) {
    Sampler sampler(*model_, params);
    const auto context = Context::create(model_, test::small_context());
    std::vector<Token> tokens;
    std::vector<Token> next = prompt_;
    while (tokens.size() < most) {
      (void)logits_after(*context, next);
      tokens.push_back(sampler.sample(*context, -1));
      if (model_->vocab().is_end_of_generation(tokens.back())) break;
      next = {tokens.back()};
    }
    return tokens;
  }

  static SamplingParams greedy() {
    SamplingParams params;
    params.temperature = 0;
    return params;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
  std::vector<Token> prompt_ = model_->vocab().tokenize("once upon", true, false);
};

TEST_F(SamplerTest, GreedyTakesTheLargest) {
  Sampler sampler(*model_, greedy());
  const auto context = Context::create(model_, test::small_context());
  std::vector<Token> next = prompt_;
  for (int i = 0; i < 20; ++i) {
    const Token expected = largest(logits_after(*context, next));
    ASSERT_EQ(sampler.sample(*context, -1), expected);
    next = {expected};
  }
}

TEST_F(SamplerTest, LogitsAtHandAreChosenFromAsThoseOfAContextAre) {
  SamplingParams params;
  params.seed = 3;
  params.temperature = 2;
  params.grammar = "root ::= [a-z]+";
  Sampler from_context(*model_, params);
  Sampler from_logits(*model_, params);
  const auto context = Context::create(model_, test::small_context());
  const std::vector<float> logits = logits_after(*context, prompt_);
  const std::vector<float> before = logits;
  for (int i = 0; i < 20; ++i) ASSERT_EQ(from_logits.sample(logits), from_context.sample(*context, -1));
  EXPECT_EQ(logits, before);
  expect_error(ErrorCode::usage, "logits", [&] { (void)from_logits.sample(std::span(logits).first(3)); });
}

TEST_F(SamplerTest, TheSameSeedGivesTheSameTokens) {
  SamplingParams params;
  params.temperature = 1.5F;
  params.seed = 42;
  const auto first = run(params, 40);
  EXPECT_EQ(run(params, 40), first);
  params.seed = 43;
  EXPECT_NE(run(params, 40), first);
}

TEST_F(SamplerTest, ARandomSeedCanBeAskedFor) {
  SamplingParams params;
  params.seed = 7;
  EXPECT_EQ(Sampler(*model_, params).seed(), 7U);
  params.seed = LLAMA_DEFAULT_SEED;
  EXPECT_NE(Sampler(*model_, params).seed(), LLAMA_DEFAULT_SEED);
}

TEST_F(SamplerTest, ResetBeginsAgain) {
  SamplingParams params;
  params.temperature = 2;
  params.seed = 5;
  Sampler sampler(*model_, params);
  const auto context = Context::create(model_, test::small_context());
  (void)logits_after(*context, prompt_);
  const auto take = [&] {
    std::vector<Token> tokens;
    for (int i = 0; i < 10; ++i) tokens.push_back(sampler.sample(*context, -1));
    return tokens;
  };
  const auto first = take();
  sampler.reset();
  EXPECT_EQ(take(), first);
}

TEST_F(SamplerTest, APenaltyForbidsWhatThePromptSaid) {
  SamplingParams params = greedy();
  params.penalty_presence = 1e6F;
  Sampler sampler(*model_, params);
  const auto context = Context::create(model_, test::small_context());
  const Token favourite = largest(logits_after(*context, prompt_));
  sampler.accept(favourite);
  EXPECT_NE(sampler.sample(*context, -1), favourite);
}

TEST_F(SamplerTest, OutputObeysTheGrammar) {
  SamplingParams params;
  params.grammar = R"(root ::= "yes" | "no" | "may" "be"?)";
  std::set<std::string> answers;
  for (std::uint32_t seed = 0; seed < 12; ++seed) {
    params.seed = seed;
    params.temperature = 3;
    const auto tokens = run(params, 20);
    EXPECT_TRUE(model_->vocab().is_end_of_generation(tokens.back()));
    const std::string text = model_->vocab().detokenize(tokens);
    EXPECT_TRUE(text == "yes" || text == "no" || text == "may" || text == "maybe") << text;
    answers.insert(text);
  }
  EXPECT_GT(answers.size(), 1U);
}

// The short way (choose, then ask the grammar about the choice) must choose what the long way does.
TEST_F(SamplerTest, TheGrammarsShortWayEqualsItsLongWay) {
  SamplingParams params = greedy();
  params.grammar = "root ::= [a-mA-Z0-9]{30}";
  const auto tokens = run(params, 40);

  const auto context = Context::create(model_, test::small_context());
  llama_sampler* grammar = llama_sampler_init_grammar(model_->vocab().handle(), params.grammar.c_str(), "root");
  std::vector<Token> next = prompt_;
  std::vector<Token> expected;
  std::size_t forbidden = 0;
  while (expected.size() < tokens.size()) {
    const std::vector<float> logits = logits_after(*context, next);
    std::vector<llama_token_data> all;
    for (std::size_t i = 0; i < logits.size(); ++i) all.push_back({static_cast<Token>(i), logits[i], 0});
    llama_token_data_array array{.data = all.data(), .size = all.size(), .selected = -1, .sorted = false};
    llama_sampler_apply(grammar, &array);
    const auto best = std::ranges::max_element(all, {}, &llama_token_data::logit);
    forbidden += best->id != largest(logits) ? 1U : 0U;
    llama_sampler_accept(grammar, best->id);
    expected.push_back(best->id);
    next = {best->id};
  }
  llama_sampler_free(grammar);
  EXPECT_EQ(tokens, expected);
  EXPECT_GT(forbidden, 0U) << "the long way was never taken";
  EXPECT_LT(forbidden, tokens.size()) << "the short way was never taken";
}

TEST_F(SamplerTest, APromptDoesNotMoveTheGrammar) {
  SamplingParams params = greedy();
  params.grammar = R"(root ::= "yes")";
  params.penalty_repeat = 1.1F;
  Sampler sampler(*model_, params);
  for (const Token token : prompt_) sampler.accept(token);  // "once upon" is not what the grammar allows
  const auto context = Context::create(model_, test::small_context());
  (void)logits_after(*context, prompt_);
  EXPECT_EQ(model_->vocab().piece(sampler.sample(*context, -1)), "y");
}

TEST_F(SamplerTest, ABrokenGrammarIsTheCallersFault) {
  for (const char* grammar :
       {"root ::= \"a", "root ::= missing", "other ::= \"a\"", "root ::= root", "::=", "\xFF\xFE"}) {
    SCOPED_TRACE(grammar);
    SamplingParams params;
    params.grammar = grammar;
    expect_error(ErrorCode::usage, "grammar", [&] { Sampler(*model_, params); });
  }
}

TEST_F(SamplerTest, AGrammarNeedsAVocabulary) {
  test::TinyGguf file = test::tiny_llama();
  for (const char* key : {"model", "tokens", "scores", "token_type"}) file.remove(std::string("tokenizer.ggml.") + key);
  file.text("tokenizer.ggml.model", "no_vocab").number("llama.vocab_size", 334);
  const auto model = test::load_on_cpu(folder_.write("no_vocab.gguf", file.bytes()));
  EXPECT_FALSE(model->vocab().present());
  expect_error(ErrorCode::unsupported, "token ids", [&] { (void)model->vocab().tokenize("a", true, false); });
  SamplingParams params;
  params.grammar = "root ::= \"a\"";
  expect_error(ErrorCode::unsupported, "vocabulary", [&] { Sampler(*model, params); });
}

TEST_F(SamplerTest, EveryParameterTogetherStillChooses) {
  SamplingParams params;
  params.seed = 1;
  params.top_n_sigma = 1.5F;
  params.typical_p = 0.9F;
  params.penalty_frequency = 0.1F;
  params.penalty_last_n = -1;
  EXPECT_EQ(run(params, 10), run(params, 10));
}

}  // namespace
}  // namespace plimsoll::engine
