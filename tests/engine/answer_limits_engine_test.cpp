#include "engine/answer_limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

class AnswerLimitsTest : public testing::Test {
 protected:
  // Logits that want the token most.
  [[nodiscard]] std::vector<float> wanting(Token token) const {
    std::vector<float> logits(static_cast<std::size_t>(model_->facts().n_vocab), 0.0F);
    logits[static_cast<std::size_t>(token)] = 50;
    return logits;
  }

  [[nodiscard]] Token end_token() const {
    const Vocab vocab = model_->vocab();
    for (Token token = 0; token < vocab.n_tokens(); ++token) {
      if (vocab.is_end_of_generation(token)) return token;
    }
    return LLAMA_TOKEN_NULL;
  }

  static SamplingParams greedy() {
    SamplingParams params;
    params.temperature = 0;
    return params;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
};

TEST_F(AnswerLimitsTest, NoEndBeforeSoManyTokens) {
  for (const float temperature : {0.0F, 1.0F}) {
    SamplingParams params;
    params.temperature = temperature;
    params.least_tokens = 3;
    Sampler sampler(*model_, params);
    for (const Token token : model_->vocab().tokenize("once upon a time", true, false)) sampler.accept(token);
    const Token end = end_token();
    for (int i = 0; i < 3; ++i) EXPECT_NE(sampler.sample(wanting(end)), end) << i;
    EXPECT_EQ(sampler.sample(wanting(end)), end);
    sampler.reset();
    EXPECT_NE(sampler.sample(wanting(end)), end);
  }
}

TEST_F(AnswerLimitsTest, AThoughtThatIsLongEnoughIsEnded) {
  const Vocab vocab = model_->vocab();
  const std::vector<Token> end = vocab.tokenize("ice", false, true);
  const Token word = vocab.tokenize("upon", false, true).back();
  ASSERT_FALSE(std::ranges::contains(end, word));
  SamplingParams params = greedy();
  params.thought_tokens = 4;
  params.thought_begin = "<think>";
  params.thought_end = "ice";
  params.thought_is_open = true;
  Sampler sampler(*model_, params);
  sampler.accept(word);  // the prompt's tokens do not count
  for (int i = 0; i < 4; ++i) EXPECT_EQ(sampler.sample(wanting(word)), word) << i;
  for (const Token token : end) EXPECT_EQ(sampler.sample(wanting(word)), token);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(sampler.sample(wanting(word)), word) << i;
}

TEST_F(AnswerLimitsTest, AnAnswerWithoutAThoughtIsLeftAlone) {
  const Token word = model_->vocab().tokenize("upon", false, true).back();
  SamplingParams params = greedy();
  params.thought_tokens = 0;
  params.thought_begin = "<think>";
  params.thought_end = "ice";
  Sampler sampler(*model_, params);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(sampler.sample(wanting(word)), word) << i;
}

}  // namespace
}  // namespace plimsoll::engine
