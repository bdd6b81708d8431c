// A sampler that does without a list of the whole vocabulary chooses what the engine's own chain chooses from the whole
// list, draws included.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "engine/sampler.hpp"

#include "decoding.hpp"
#include "expect_error.hpp"
#include "largest_logits.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

constexpr std::uint32_t kWords = 40'001;  // no multiple of a block
constexpr float kNever = -std::numeric_limits<float>::infinity();

const Model& model() {
  static const std::shared_ptr<Model> kModel = [] {
    const test::TemporaryFolder folder;
    return test::load_on_cpu(folder.write("words.gguf", test::tiny_llama_of_words(kWords).bytes()));
  }();
  return *kModel;
}

// The plain way: the engine's chain on the whole list; then, where the grammar forbids the choice, on what it allows.
class PlainSampler {
 public:
  explicit PlainSampler(const SamplingParams& params) : chain_(make_chain(model(), params)) {
    if (!params.grammar.empty()) grammar_.reset(make_grammar(model(), {.gbnf = params.grammar}));
  }
  Token sample(std::span<const float> logits) {
    llama_token_data_array array = list(logits);
    chain_.begin_choice(chosen_);
    chain_.apply(array);
    if (!allowed(array.data[array.selected].id) && !(keep_allowed(array) && chain_.choose_again(array))) {
      array = list(logits);
      if (!keep_allowed(array)) return LLAMA_TOKEN_NULL;
      chain_.apply(array);
    }
    const Token chosen = array.data[array.selected].id;
    chain_.accept(chosen, true);
    ++chosen_;
    if (grammar_) llama_sampler_accept(grammar_.get(), chosen);
    return chosen;
  }
  void accept(Token token) { chain_.accept(token, false); }

 private:
  llama_token_data_array list(std::span<const float> logits) {
    list_.clear();
    for (const float logit : logits) list_.push_back({.id = static_cast<Token>(list_.size()), .logit = logit, .p = 0});
    return {.data = list_.data(), .size = list_.size(), .selected = -1, .sorted = false};
  }
  bool allowed(Token token) {
    if (!grammar_) return true;
    llama_token_data one{.id = token, .logit = 1, .p = 0};
    llama_token_data_array only{.data = &one, .size = 1, .selected = -1, .sorted = false};
    llama_sampler_apply(grammar_.get(), &only);
    return one.logit > kNever;
  }
  bool keep_allowed(llama_token_data_array& array) {
    if (!grammar_) return false;
    llama_sampler_apply(grammar_.get(), &array);
    const std::span all(array.data, array.size);
    const auto rest = std::ranges::stable_partition(all, [](const auto& one) { return one.logit > kNever; });
    if (rest.size() == all.size()) return false;
    array.size -= rest.size();
    array.selected = -1;
    return true;
  }

  struct Free {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };
  SamplerChain chain_;
  std::uint64_t chosen_ = 0;
  std::unique_ptr<llama_sampler, Free> grammar_;
  std::vector<llama_token_data> list_;
};

// Rows of logits as models give them, and as they do not.
std::vector<std::vector<float>> rows(std::size_t count) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 3);
  std::vector<std::vector<float>> all(count, std::vector<float>(static_cast<std::size_t>(model().facts().n_vocab)));
  for (std::size_t i = 0; i < count; ++i) {
    for (float& logit : all[i]) logit = normal(random);
    if (i % 5 == 1) {
      for (float& logit : all[i]) logit = std::round(logit);  // hundreds are equal
    }
    if (i % 5 == 2) std::fill(all[i].begin() + 30, all[i].end(), kNever);
    if (i % 5 == 3) all[i].back() = all[i][64] = all[i][63] = 20;  // at the edges of blocks, and equal
  }
  return all;
}

Token sampled(Sampler& sampler, std::span<const float> row) {
  try {
    return sampler.sample(row);
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the grammar leaves nothing to choose from");
    return LLAMA_TOKEN_NULL;
  }
}

void expect_the_same(const SamplingParams& params) {
  static const auto kRows = rows(30);
  const std::size_t count = params.grammar.empty() ? kRows.size() : 10;
  Sampler sampler(model(), params);
  PlainSampler plain(params);
  for (const Token token : {40, 41, 42, 40, 41}) {
    sampler.accept(token);
    plain.accept(token);
  }
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(sampled(sampler, kRows[i]), plain.sample(kRows[i])) << i;
}

SamplingParams with(auto change) {
  SamplingParams params{.seed = 11};
  change(params);
  return params;
}

TEST(SamplerNarrowingTest, GreedyIsTheSame) {
  expect_the_same(with([](auto& p) { p.temperature = 0; }));
  expect_the_same(with([](auto& p) {
    p.temperature = 0;
    p.penalty_repeat = 1.7F;
    p.penalty_presence = 0.5F;
    p.logit_bias = {{.token = 63, .bias = kNever}, {.token = 9000, .bias = 17.5F}};
  }));
  expect_the_same(with([](auto& p) {
    p.temperature = 0;
    p.dry_multiplier = 3;
    p.ignore_eos = true;
  }));
}

TEST(SamplerNarrowingTest, TheDefaultsAreTheSame) {
  expect_the_same(with([](auto&) {}));
  expect_the_same(with([](auto& p) { p.temperature = 3; }));
  expect_the_same(with([](auto& p) { p.top_k = 1; }));
  expect_the_same(with([](auto& p) {
    p.temperature = 2;
    p.top_k = 90;  // with the touched not half of the blocks
    p.top_p = 0.999F;
    p.min_p = 0.001F;
    p.penalty_repeat = 1.3F;
    p.penalty_frequency = 0.2F;
    p.logit_bias = {{.token = 64, .bias = kNever}, {.token = 12, .bias = 9}};
  }));
}

TEST(SamplerNarrowingTest, WhatComesAfterTopKIsTheSame) {
  expect_the_same(with([](auto& p) {
    p.temperature = 2;
    p.typical_p = 0.8F;
  }));
  expect_the_same(with([](auto& p) {
    p.temperature = 2;
    p.xtc_probability = 0.5F;
    p.xtc_threshold = 0.05F;
  }));
  expect_the_same(with([](auto& p) { p.adaptive_target = 0.2F; }));
  expect_the_same(with([](auto& p) {
    p.dynatemp_range = 0.5F;
    p.samplers = {"top_k", "temperature", "penalties"};
    p.penalty_repeat = 1.3F;
  }));
}

TEST(SamplerNarrowingTest, WhatNeedsTheWholeListIsTheSame) {
  expect_the_same(with([](auto& p) { p.top_k = 0; }));
  expect_the_same(with([](auto& p) { p.top_k = 20'000; }));
  expect_the_same(with([](auto& p) { p.mirostat = 2; }));
  expect_the_same(with([](auto& p) { p.samplers = {"min_p", "top_k", "temperature"}; }));
  expect_the_same(with([](auto& p) { p.top_n_sigma = 1; }));
}

// Grammars that allow nearly all, a few, and nothing of what the chain would keep.
TEST(SamplerNarrowingTest, UnderAGrammarItIsTheSame) {
  for (const float temperature : {0.0F, 2.0F}) {
    for (const char* grammar : {R"(root ::= [^x]*)", R"(root ::= ("w" [0-9]+)*)", R"(root ::= "w" [1-3] "7"* root)",
                                R"(root ::= [a-c]+)", R"(root ::= "w" [a-z0-9]* "w" root)"}) {
      SCOPED_TRACE(grammar);
      expect_the_same(with([&](auto& p) {
        p.temperature = temperature;
        p.grammar = grammar;
      }));
      expect_the_same(with([&](auto& p) {
        p.temperature = temperature;
        p.grammar = grammar;
        p.penalty_repeat = 1.5F;
        p.top_k = 5;
      }));
    }
  }
}

TEST(SamplerNarrowingTest, TwoStepsAreOne) {
  const auto row = rows(1).front();
  for (const auto& params : {with([](auto&) {}), with([](auto& p) { p.temperature = 0; })}) {
    Sampler one(model(), params);
    Sampler two(model(), params);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(two.look(row));
      ASSERT_EQ(two.sample_seen(), one.sample(row));
    }
    EXPECT_EQ(one.snapshot(), two.snapshot());
    test::expect_error(ErrorCode::usage, "look() at logits", [&] { (void)two.sample_seen(); });
  }
}

TEST(SamplerNarrowingTest, WhatItCannotSeeOfAFewIsLeftToTheWholeList) {
  Sampler all(model(), with([](auto& p) { p.top_k = 0; }));
  EXPECT_FALSE(all.look(rows(1).front()));
  Sampler few(model(), with([](auto&) {}));
  EXPECT_FALSE(few.look(rows(2).back())) << "equal logits: the engine's order decides";
  Sampler grammar(model(), with([](auto& p) { p.grammar = "root ::= [a-z]*"; }));
  EXPECT_FALSE(grammar.look(rows(1).front()));
}

// A choice that selects without being the last takes nothing away from what follows.
TEST(SamplerNarrowingTest, GreedyInFrontOfOthersNarrowsNothing) {
  SamplerChain chain;
  chain.add(SamplerLink::greedy()).add(SamplerLink::dist(3));
  Sampler sampler = Sampler::of(model(), std::move(chain));
  EXPECT_FALSE(sampler.look(rows(1).front()));
}

TEST(LargestLogitsTest, FindsAtLeastSoManyAndNoneBelow) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  for (const std::size_t size : {1UL, 63UL, 64UL, 65UL, 4'096UL, 10'007UL}) {
    std::vector<float> logits(size);
    for (float& logit : logits) logit = normal(random);
    for (const std::size_t count : {1UL, 3UL, 16UL, 40UL}) {
      if (!LargestLogits::serves(size, count)) continue;
      std::vector<llama_token_data> found;
      LargestLogits largest;
      const float bound = largest.find(logits, count, found);
      EXPECT_GE(found.size(), count);
      EXPECT_TRUE(std::ranges::is_sorted(found, {}, &llama_token_data::id));
      EXPECT_EQ(std::ranges::count_if(logits, [&](float logit) { return logit >= bound; }),
                static_cast<std::ptrdiff_t>(found.size()));
      for (const auto& one : found) EXPECT_EQ(one.logit, logits[static_cast<std::size_t>(one.id)]);
    }
  }
}

}  // namespace
}  // namespace plimsoll::engine
