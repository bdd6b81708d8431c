// A sampler that was interrupted, cloned or reset chooses what one chooses that was not.
#include <gtest/gtest.h>

#include <cmath>

#include "engine/sampler.hpp"
#include "engine/sampling_json.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "random_logits.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::sample_on;
using Json = nlohmann::ordered_json;

constexpr std::size_t kSteps = 60;

class SamplerSnapshotTest : public testing::Test {
 protected:
  // Every step a stop: saved as text, read again, made anew.
  std::vector<Token> interrupted(const SamplingParams& params) {
    Sampler sampler = begin(params);
    std::vector<Token> tokens = prompt_;
    while (tokens.size() < prompt_.size() + kSteps) {
      sample_on(sampler, n_vocab_, 1 + tokens.size() % 7, tokens);
      const std::string saved = to_json(sampler.snapshot()).dump();
      sampler = Sampler::resume(*model_, sampler_snapshot_from_json(Json::parse(saved)));
    }
    tokens.resize(prompt_.size() + kSteps);
    return tokens;
  }

  std::vector<Token> uninterrupted(const SamplingParams& params) {
    Sampler sampler = begin(params);
    std::vector<Token> tokens = prompt_;
    sample_on(sampler, n_vocab_, kSteps, tokens);
    return tokens;
  }

  Sampler begin(const SamplingParams& params) {
    Sampler sampler(*model_, params);
    for (const Token token : prompt_) sampler.accept(token);
    return sampler;
  }

  test::TemporaryFolder folder_;
  std::shared_ptr<Model> model_ = test::load_on_cpu(folder_.write("tiny.gguf", test::tiny_llama().bytes()));
  std::size_t n_vocab_ = static_cast<std::size_t>(model_->facts().n_vocab);
  std::vector<Token> prompt_ = model_->vocab().tokenize("once upon a time", true, false);
};

// Sets whose state differs in kind.
std::vector<std::pair<std::string, SamplingParams>> sets() {
  const std::string words = "root ::= ([a-m]+ \" \")+";
  return {{"dist", {.seed = 7, .temperature = 2}},
          {"greedy", {.temperature = 0}},
          {"one candidate now and then", {.seed = 9, .temperature = 1, .min_p = 0.6F}},
          {"xtc", {.seed = 8, .temperature = 1.5F, .min_p = 0.3F, .xtc_probability = 0.5F, .xtc_threshold = 0.05F}},
          {"penalties", {.seed = 3, .penalty_last_n = 9, .penalty_repeat = 1.5F, .penalty_frequency = 0.7F}},
          {"dry", {.seed = 3, .dry_multiplier = 2, .dry_allowed_length = 1}},
          {"grammar", {.seed = 4, .temperature = 3, .grammar = words}},
          {"greedy grammar", {.seed = 4, .temperature = 0, .grammar = words}},
          {"lazy grammar",
           {.seed = 5, .temperature = 3, .top_k = 0, .grammar = words, .grammar_trigger_patterns = {"([a-e]+)"}}},
          {"mirostat", {.seed = 1, .mirostat = 1}},
          {"mirostat 2", {.seed = 1, .mirostat = 2}},
          {"mirostat under a grammar", {.seed = 2, .grammar = words, .mirostat = 2}},
          {"adaptive-p", {.seed = 2, .adaptive_target = 0.3F}},
          {"adaptive-p under a grammar", {.seed = 2, .grammar = words, .adaptive_target = 0.3F}},
          {"least tokens", {.seed = 2, .temperature = 2, .least_tokens = 40}},
          {"thought limit",
           {.seed = 2,
            .temperature = 2,
            .thought_tokens = 25,
            .thought_begin = "<think>",
            .thought_end = "ice",
            .thought_is_open = true}},
          {"all",
           {.seed = 6,
            .temperature = 1.2F,
            .typical_p = 0.95F,
            .top_n_sigma = 2,
            .penalty_repeat = 1.2F,
            .grammar = words,
            .dynatemp_range = 0.3F,
            .xtc_probability = 0.4F,
            .dry_multiplier = 1}}};
}

TEST_F(SamplerSnapshotTest, AnInterruptedRunEqualsAnUninterruptedOne) {
  for (const auto& [name, params] : sets()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(interrupted(params), uninterrupted(params));
  }
}

TEST_F(SamplerSnapshotTest, WhoHasSeenTheTokensGoesOnAlike) {
  for (const auto& [name, params] : sets()) {
    SCOPED_TRACE(name);
    const std::vector<Token> expected = uninterrupted(params);
    for (std::size_t cut = prompt_.size(); cut < expected.size(); cut += 7) {
      Sampler first = begin(params);
      std::vector<Token> tokens = prompt_;
      sample_on(first, n_vocab_, cut - prompt_.size(), tokens);
      Sampler second = begin(params);
      for (const Token token : std::span(tokens).subspan(prompt_.size())) second.accept_choice(token);
      second.set_averages(first.averages());
      sample_on(second, n_vocab_, expected.size() - cut, tokens);
      EXPECT_EQ(tokens, expected) << cut;
    }
  }
}

TEST_F(SamplerSnapshotTest, ACloneGoesOnAlikeAndAlone) {
  for (const auto& [name, params] : sets()) {
    SCOPED_TRACE(name);
    Sampler first = begin(params);
    std::vector<Token> tokens = prompt_;
    sample_on(first, n_vocab_, 20, tokens);
    Sampler second = first.clone();
    std::vector<Token> of_the_second = tokens;
    sample_on(first, n_vocab_, 20, tokens);
    sample_on(second, n_vocab_, 20, of_the_second);
    EXPECT_EQ(of_the_second, tokens);
  }
}

TEST_F(SamplerSnapshotTest, ACloneGoesItsOwnWayThroughTheGrammar) {
  SamplingParams params;
  params.grammar = R"(root ::= "ab" | "cd")";
  Sampler first(*model_, params);
  const auto token = [&](const char* letter) { return model_->vocab().tokenize(letter, false, false).back(); };
  Sampler second = first.clone();
  first.accept_choice(token("a"));
  second.accept_choice(token("c"));
  EXPECT_TRUE(first.grammar_allows(token("b")));
  EXPECT_FALSE(first.grammar_allows(token("d")));
  EXPECT_TRUE(second.grammar_allows(token("d")));
  expect_error(ErrorCode::usage, "does not allow", [&] { second.accept_choice(token("b")); });
  expect_error(ErrorCode::usage, "does not allow", [&] { second.accept_choice(model_->vocab().eos()); });
  second.accept_choice(token("d"));
  EXPECT_TRUE(second.grammar_allows(model_->vocab().eos()));
}

TEST_F(SamplerSnapshotTest, ResetDrawsTheSameAgain) {
  for (auto [name, params] : sets()) {
    SCOPED_TRACE(name);
    if (name == "dist") params.seed = LLAMA_DEFAULT_SEED;
    Sampler sampler(*model_, params);
    std::vector<Token> first;
    sample_on(sampler, n_vocab_, 30, first);
    sampler.reset();
    std::vector<Token> second;
    sample_on(sampler, n_vocab_, 30, second);
    EXPECT_EQ(second, first);
    sampler.reset();
    EXPECT_EQ(sampler.snapshot(), Sampler(*model_, sampler.snapshot().params).snapshot());
  }
}

TEST_F(SamplerSnapshotTest, ALazyGrammarSleepsUntilItsTrigger) {
  const Token z = model_->vocab().tokenize("z", false, false).back();
  for (SamplingParams params :
       {SamplingParams{.grammar_trigger_patterns = {"[^]*?(z)"}}, SamplingParams{.grammar_trigger_tokens = {z}}}) {
    params.temperature = 2;
    params.top_k = 0;
    params.grammar = R"(root ::= "zero" "yes"*)";
    params.logit_bias = {{.token = z, .bias = 4}, {.token = 3 + 'z', .bias = -INFINITY}};  // the byte is a z too
    int woken = 0;
    for (params.seed = 0; params.seed < 20; ++params.seed) {
      Sampler sampler(*model_, params);
      std::vector<Token> tokens;
      do {
        sample_on(sampler, n_vocab_, 1, tokens);
      } while (!model_->vocab().is_end_of_generation(tokens.back()));
      const std::string text = model_->vocab().detokenize(tokens);
      const std::size_t at = text.find('z');
      if (at == std::string::npos) continue;
      ++woken;
      std::string rest = text.substr(at);
      EXPECT_TRUE(rest.starts_with("zero")) << text;
      rest.erase(0, 4);
      while (rest.starts_with("yes")) rest.erase(0, 3);
      EXPECT_EQ(rest, "") << text;
    }
    EXPECT_GT(woken, 0);
  }
}

TEST_F(SamplerSnapshotTest, ABrokenTriggerIsTheCallersFault) {
  SamplingParams params{.grammar = "root ::= \"a\"", .grammar_trigger_patterns = {"(["}};
  expect_error(ErrorCode::usage, "trigger", [&] { Sampler(*model_, params); });
}

TEST_F(SamplerSnapshotTest, ASnapshotThatCannotBeIsRefused) {
  Sampler sampler = begin({.seed = 1, .grammar = "root ::= [a-z]+"});
  std::vector<Token> tokens = prompt_;
  sample_on(sampler, n_vocab_, 5, tokens);
  const SamplerSnapshot good = sampler.snapshot();
  EXPECT_NO_THROW((void)Sampler::resume(*model_, good));

  SamplerSnapshot bad = good;
  bad.averages.push_back(1);
  expect_error(ErrorCode::usage, "keeps 0 averages", [&] { (void)Sampler::resume(*model_, bad); });
  bad = good;
  bad.params = {.seed = 1, .mirostat = 2};
  expect_error(ErrorCode::usage, "keeps 1 averages", [&] { (void)Sampler::resume(*model_, bad); });
  bad.averages = {NAN};
  expect_error(ErrorCode::usage, "is not a number", [&] { (void)Sampler::resume(*model_, bad); });
  bad = good;
  bad.accepted.push_back({.token = 1 << 20, .sampled = false});
  expect_error(ErrorCode::usage, "unknown token", [&] { (void)Sampler::resume(*model_, bad); });
  bad = good;
  bad.accepted.push_back({.token = model_->vocab().tokenize("Z", false, false).back(), .sampled = true});
  expect_error(ErrorCode::usage, "does not allow", [&] { (void)Sampler::resume(*model_, bad); });
}

}  // namespace
}  // namespace plimsoll::engine
