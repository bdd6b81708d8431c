// What each of the declared parameters does, seen at logits made for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "random_logits.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using testing::ElementsAre;

class SamplingSetTest : public testing::Test {
 protected:
  // Nothing but what the test adds.
  static SamplingParams bare() {
    SamplingParams params{.seed = 11, .temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0};
    return params;
  }

  // Probabilities of tokens 10, 11, 12 ...; all others are as good as impossible.
  std::vector<float> logits_of(std::initializer_list<double> probabilities) const {
    std::vector<float> logits(n_vocab_, -50);
    std::size_t token = 10;
    for (const double p : probabilities) logits[token++] = static_cast<float>(std::log(p));
    return logits;
  }

  std::set<Token> choices(const SamplingParams& params, const std::vector<float>& logits, int times = 400) const {
    Sampler sampler(*model_, params);
    std::set<Token> seen;
    for (int i = 0; i < times; ++i) seen.insert(sampler.sample(logits));
    return seen;
  }

  std::vector<std::string> chain(const SamplingParams& params) const {
    return Sampler(*model_, params).chain().names();
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
  std::size_t n_vocab_ = static_cast<std::size_t>(model_->facts().n_vocab);
};

TEST_F(SamplingSetTest, TheDefaultOrderIsTheEngines) {
  EXPECT_THAT(chain({}), ElementsAre("top_k", "top_p", "min_p", "temperature", "dist"));
  SamplingParams all{.typical_p = 0.9F,
                     .top_n_sigma = 1,
                     .penalty_repeat = 1.1F,
                     .xtc_probability = 0.5F,
                     .dry_multiplier = 1,
                     .logit_bias = {{.token = 3, .bias = 1}}};
  EXPECT_THAT(chain(all), ElementsAre("logit_bias", "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p",
                                      "min_p", "xtc", "temperature", "dist"));
  all.adaptive_target = 0.5F;
  EXPECT_EQ(chain(all).back(), "adaptive_p");
  all.mirostat = 1;
  EXPECT_THAT(chain(all), ElementsAre("logit_bias", "temperature", "mirostat"));
  all.mirostat = 2;
  EXPECT_THAT(chain(all), ElementsAre("logit_bias", "temperature", "mirostat_v2"));
}

TEST_F(SamplingSetTest, TheOrderCanBeChosen) {
  SamplingParams params;
  params.samplers = {"temp", "min-p", "top-k", "infill"};
  EXPECT_THAT(chain(params), ElementsAre("temperature", "min_p", "top_k", "infill", "dist"));
  params.samplers = {};
  EXPECT_THAT(chain(params), ElementsAre("dist"));
}

TEST_F(SamplingSetTest, WithoutTemperatureOnlyWhatMovesTheLargestStays) {
  SamplingParams params{.temperature = 0, .penalty_repeat = 1.1F};
  EXPECT_THAT(chain(params), ElementsAre("penalties", "greedy"));
  params.xtc_probability = 1;
  EXPECT_THAT(chain(params), ElementsAre("penalties", "top_k", "top_p", "min_p", "xtc", "greedy"));
  params.penalty_repeat = 1;
  EXPECT_THAT(choices(params, logits_of({0.6, 0.3, 0.05, 0.05}), 5), ElementsAre(11)) << "XTC drops the likeliest";
}

TEST_F(SamplingSetTest, EachNarrowsInItsWay) {
  const auto logits = logits_of({0.5, 0.25, 0.15, 0.1});
  EXPECT_THAT(choices(bare(), logits), ElementsAre(10, 11, 12, 13));
  SamplingParams params = bare();
  params.top_k = 2;
  EXPECT_THAT(choices(params, logits), ElementsAre(10, 11));
  params = bare();
  params.top_p = 0.6F;
  EXPECT_THAT(choices(params, logits), ElementsAre(10, 11));
  params.top_p = 0.01F;
  params.min_keep = 3;
  EXPECT_THAT(choices(params, logits), ElementsAre(10, 11, 12));
  params = bare();
  params.min_p = 0.29F;
  EXPECT_THAT(choices(params, logits), ElementsAre(10, 11, 12));
  params = bare();
  params.top_n_sigma = 0.001F;
  EXPECT_THAT(choices(params, logits), ElementsAre(10));
  params = bare();
  params.typical_p = 0.2F;
  EXPECT_THAT(choices(params, logits), ElementsAre(11)) << "nearest to the entropy of 1.75 bits";
  params = bare();
  params.xtc_probability = 1;
  params.xtc_threshold = 0.2F;
  EXPECT_THAT(choices(params, logits), ElementsAre(11, 12, 13)) << "of those above the threshold the last stays";
}

TEST_F(SamplingSetTest, TypicalBearsForbiddenTokens) {
  SamplingParams params = bare();
  params.typical_p = 0.9F;
  params.logit_bias = {{.token = 10, .bias = -std::numeric_limits<float>::infinity()}};
  EXPECT_THAT(choices(params, logits_of({0.4, 0.3, 0.3})), ElementsAre(11, 12));
}

TEST_F(SamplingSetTest, TemperatureFollowsTheEntropy) {
  const auto probability = [&](float temperature, float range, float exponent, const std::vector<float>& logits) {
    SamplingParams params = bare();
    params.temperature = temperature;
    params.dynatemp_range = range;
    params.dynatemp_exponent = exponent;
    Sampler sampler(*model_, params);
    (void)sampler.sample(logits);
    return sampler.top_candidates(1).front().probability;
  };
  const auto sure = logits_of({0.6, 0.3, 0.1});
  EXPECT_GT(probability(1, 0.9F, 1, sure), probability(1, 0, 1, sure)) << "low entropy, low temperature";
  EXPECT_NE(probability(1, 0.9F, 3, sure), probability(1, 0.9F, 1, sure));
}

TEST_F(SamplingSetTest, ABiasPullsPushesAndForbids) {
  SamplingParams params = bare();
  params.logit_bias = {{.token = 12, .bias = 100}};
  EXPECT_THAT(choices(params, logits_of({0.9, 0.05, 0.05})), ElementsAre(12));
  params.logit_bias = {{.token = 10, .bias = -std::numeric_limits<float>::infinity()}};
  EXPECT_THAT(choices(params, logits_of({0.9, 0.05, 0.05})), ElementsAre(11, 12));
  params.logit_bias = {{.token = static_cast<Token>(n_vocab_), .bias = 1}};
  expect_error(ErrorCode::usage, "there is no token", [&] { Sampler(*model_, params); });
}

TEST_F(SamplingSetTest, TheEndCanBeForbidden) {
  const Token end = model_->vocab().eos();
  std::vector<float> logits(n_vocab_, -20);
  logits[static_cast<std::size_t>(end)] = 20;
  SamplingParams params = bare();
  EXPECT_THAT(choices(params, logits, 50), ElementsAre(end));
  params.ignore_eos = true;
  EXPECT_FALSE(choices(params, logits, 50).contains(end));
}

TEST_F(SamplingSetTest, DryForbidsToGoOnWithARepetition) {
  SamplingParams params = bare();
  params.temperature = 0;
  params.dry_multiplier = 100;
  params.dry_sequence_breakers = {};
  const auto repeats = [&](const SamplingParams& with) {
    Sampler sampler(*model_, with);
    for (const Token token : {20, 21, 22, 23, 20, 21, 22}) sampler.accept(token);
    std::vector<float> logits(n_vocab_, 0);
    logits[23] = 5;
    return sampler.sample(logits) == 23;
  };
  EXPECT_FALSE(repeats(params));
  params.dry_allowed_length = 10;
  EXPECT_TRUE(repeats(params));
  params.dry_allowed_length = 2;
  params.dry_last_n = 3;
  EXPECT_TRUE(repeats(params)) << "the repetition is out of sight";
}

TEST_F(SamplingSetTest, PenaltiesLookBackAsFarAsTheyAreTold) {
  SamplingParams params = bare();
  params.temperature = 0;
  params.penalty_presence = 100;
  const auto repeats = [&](std::int32_t last_n) {
    params.penalty_last_n = last_n;
    Sampler sampler(*model_, params);
    for (const Token token : {10, 20, 21}) sampler.accept(token);
    return sampler.sample(logits_of({0.9, 0.1})) == 10;
  };
  EXPECT_TRUE(repeats(0));
  EXPECT_TRUE(repeats(2));
  EXPECT_FALSE(repeats(3));
  EXPECT_FALSE(repeats(-1));
}

TEST_F(SamplingSetTest, WhatAdaptsIsTheSameForTheSameSeed) {
  for (const int which : {1, 2, 3}) {
    SamplingParams params{.seed = 5};
    params.mirostat = which < 3 ? which : 0;
    params.adaptive_target = which == 3 ? 0.3F : -1;
    const auto run = [&](std::uint32_t seed) {
      params.seed = seed;
      Sampler sampler(*model_, params);
      std::vector<Token> tokens;
      test::sample_on(sampler, n_vocab_, 40, tokens);
      return tokens;
    };
    EXPECT_EQ(run(5), run(5)) << which;
    EXPECT_NE(run(5), run(6)) << which;
  }
}

TEST_F(SamplingSetTest, TheChoiceShowsWhatItWasMadeFrom) {
  SamplingParams params = bare();
  params.top_k = 3;
  Sampler sampler(*model_, params);
  EXPECT_TRUE(sampler.top_candidates(5).empty());
  const auto logits = logits_of({0.4, 0.3, 0.1, 0.2});
  const Token chosen = sampler.sample(logits);
  const auto top = sampler.top_candidates(5);
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0].token, 10);
  EXPECT_EQ(top[1].token, 11);
  EXPECT_EQ(top[2].token, 13);
  EXPECT_NEAR(top[0].probability, 0.4 / 0.9, 1e-4);
  EXPECT_NEAR(top[2].probability, 0.2 / 0.9, 1e-4);
  EXPECT_TRUE(chosen == 10 || chosen == 11 || chosen == 13);
  EXPECT_EQ(sampler.top_candidates(1).size(), 1U);

  const auto all = most_probable(logits, 4);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[2].token, 13);
  EXPECT_NEAR(all[2].probability, 0.2, 1e-4);
  EXPECT_EQ(probability_of(logits, 13), all[2]);
  expect_error(ErrorCode::usage, "there is no token", [&] { (void)probability_of(logits, -1); });
}

TEST_F(SamplingSetTest, WhatReadsTheVocabularyNeedsOne) {
  test::TinyGguf file = test::tiny_llama();
  for (const char* key : {"model", "tokens", "scores", "token_type"}) file.remove(std::string("tokenizer.ggml.") + key);
  file.text("tokenizer.ggml.model", "no_vocab").number("llama.vocab_size", 334);
  const auto model = test::load_on_cpu(folder_.write("no_vocab.gguf", file.bytes()));
  expect_error(ErrorCode::unsupported, "dry needs", [&] { Sampler(*model, {.dry_multiplier = 1}); });
  SamplingParams infill;
  infill.samplers = {"infill"};
  expect_error(ErrorCode::unsupported, "infill needs", [&] { Sampler(*model, infill); });
  SamplingParams blind{.ignore_eos = true};
  EXPECT_NO_THROW(Sampler(*model, blind)) << "a model that knows no end has none to forbid";
}

TEST_F(SamplingSetTest, ATokenThatIsNoneIsRefused) {
  Sampler sampler(*model_, {});
  for (const Token token : {-1, static_cast<Token>(n_vocab_)}) {
    expect_error(ErrorCode::usage, "unknown token", [&] { sampler.accept(token); });
    expect_error(ErrorCode::usage, "unknown token", [&] { sampler.accept_choice(token); });
  }
}

}  // namespace
}  // namespace plimsoll::engine
