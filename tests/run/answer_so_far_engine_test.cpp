// An answer that is cut anywhere and gone on with in a fresh sequence is the one that was not cut.
#include <gtest/gtest.h>

#include "run/generation.hpp"

#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

// One token at a time, prompts too: so that the engine computes the same to the last bit wherever the answer is cut.
plan::Request one_at_a_time() {
  plan::Request request = test::demo_request("mate-chat", 2);
  request.dry_run.context.n_batch = 2;
  request.dry_run.context.n_ubatch = 1;
  return request;
}

class AnswerSoFarTest : public testing::Test {
 protected:
  struct Told {
    std::vector<engine::Token> tokens;
    std::vector<std::string> pieces;           // what each read() gave; the last may be text that was held back
    std::vector<std::size_t> tokens_at_piece;  // so many were read by then
    std::vector<std::vector<float>> averages;  // behind so many tokens
    bool end_came_with_text = false;
    FinishReason reason = FinishReason::running;
    std::string stop_string;
    std::uint32_t seed = 0;

    [[nodiscard]] std::string text() const {
      std::string all;
      for (const std::string& piece : pieces) all += piece;
      return all;
    }
  };

  Told read(Generation& generation) {
    Told told;
    told.averages.push_back(generation.averages());
    while (auto piece = generation.next()) {
      told.pieces.push_back(*piece);
      told.tokens_at_piece.push_back(generation.tokens().size());
      told.averages.resize(generation.tokens().size() + 1);
      told.averages.back() = generation.averages();
      told.end_came_with_text = generation.finish_reason() != FinishReason::running;
    }
    told.averages.resize(generation.tokens().size() + 1);
    told.averages.back() = generation.averages();
    told.tokens = generation.tokens();
    told.reason = generation.finish_reason();
    told.stop_string = generation.stop_string();
    told.seed = generation.seed();
    return told;
  }

  Told tell(GenerationParams params) {
    Generation generation(executor.create(), std::move(params));
    return read(generation);
  }

  // Cut behind each piece, by somebody who has read what came before.
  void expect_the_same_wherever_it_is_cut(const GenerationParams& params) {
    const Told whole = tell(params);
    ASSERT_GT(whole.tokens.size(), 3U);
    std::string before;
    for (std::size_t i = 0; i <= whole.pieces.size(); ++i) {
      const std::size_t cut = i == 0 ? 0 : whole.tokens_at_piece[i - 1];
      if (i > 0) before += whole.pieces[i - 1];
      if (i == whole.pieces.size() && whole.end_came_with_text) break;  // nothing is left to be said
      GenerationParams rest = params;
      rest.sampling.seed = whole.seed;
      rest.prompt.append_range(std::span(whole.tokens).first(cut));
      rest.answer_so_far = {.tokens = cut, .averages = whole.averages[cut]};
      const Told second = tell(rest);
      EXPECT_EQ(before + second.text(), whole.text()) << "cut after " << cut;
      EXPECT_EQ(second.reason, whole.reason) << "cut after " << cut;
      EXPECT_EQ(second.stop_string, whole.stop_string) << "cut after " << cut;
      EXPECT_EQ(second.tokens.size() + cut, whole.tokens.size()) << "cut after " << cut;
    }
  }

  GenerationParams params(engine::SamplingParams sampling) {
    GenerationParams out{.prompt = prompt, .predict = 24, .sampling = std::move(sampling)};
    out.ignore_end_of_generation = true;
    return out;
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, one_at_a_time());
  BatchedExecutor executor{*instance};
  std::vector<engine::Token> prompt = instance->model()->vocab().tokenize("Day 12. The wind is", true, true);
};

TEST_F(AnswerSoFarTest, EachSamplerGoesOnAlike) {
  const std::string words = "root ::= ([a-m]+ \" \")+";
  const std::vector<std::pair<std::string, engine::SamplingParams>> sets{
      {"greedy", {.temperature = 0}},
      {"a random seed", {.temperature = 1.5F, .top_k = 0}},
      {"dist", {.seed = 7, .temperature = 1.5F, .top_k = 0, .top_p = 1, .min_p = 0}},
      {"defaults", {.seed = 7}},
      {"penalties", {.seed = 3, .temperature = 1.5F, .penalty_last_n = 9, .penalty_repeat = 1.5F}},
      {"dry", {.seed = 3, .temperature = 1.5F, .dry_multiplier = 2, .dry_allowed_length = 1}},
      {"xtc",
       {.seed = 8, .temperature = 1.5F, .top_k = 0, .min_p = 0, .xtc_probability = 0.5F, .xtc_threshold = 0.05F}},
      {"mirostat", {.seed = 1, .temperature = 1.5F, .mirostat = 1}},
      {"mirostat 2", {.seed = 1, .temperature = 1.5F, .mirostat = 2}},
      {"adaptive-p", {.seed = 1, .top_k = 0, .adaptive_target = 0.3F}},
      {"grammar", {.seed = 4, .temperature = 2, .grammar = words}},
      {"mirostat under a grammar", {.seed = 4, .temperature = 2, .grammar = words, .mirostat = 2}},
      {"lazy grammar",
       {.seed = 5,
        .temperature = 2,
        .grammar = "root ::= [^\\n]+",
        .grammar_trigger_patterns = {"[\\s\\S]*?([a-e][^\\n]*)"}}},
      {"typical and top-n-sigma", {.seed = 5, .temperature = 2, .typical_p = 0.9F, .top_n_sigma = 2}}};
  for (const auto& [name, sampling] : sets) {
    SCOPED_TRACE(name);
    expect_the_same_wherever_it_is_cut(params(sampling));
  }
}

TEST_F(AnswerSoFarTest, WhatWasHeldBackIsHeldBackStill) {
  const Told whole = tell(params({.seed = 7, .temperature = 1.5F}));
  ASSERT_GT(whole.text().size(), 12U);
  for (const bool keep : {false, true}) {
    GenerationParams stopping = params({.seed = 7, .temperature = 1.5F});
    stopping.stop_strings = {whole.text().substr(whole.text().size() - 6, 5)};
    stopping.keep_stop_string = keep;
    expect_the_same_wherever_it_is_cut(stopping);
  }
}

TEST_F(AnswerSoFarTest, AnAnswerAtItsEndSaysSoAtOnce) {
  const Told whole = tell(params({.temperature = 0}));
  GenerationParams rest = params({.temperature = 0});
  rest.prompt.append_range(whole.tokens);
  rest.answer_so_far.tokens = whole.tokens.size();
  const std::uint64_t computed = instance->tokens_computed();
  Told nothing = tell(rest);
  EXPECT_EQ(nothing.text(), "");
  EXPECT_EQ(nothing.reason, FinishReason::length);
  rest.stop_strings = {whole.text().substr(2, 3)};
  nothing = tell(rest);
  EXPECT_EQ(nothing.reason, FinishReason::stop_string);
  EXPECT_EQ(nothing.stop_string, rest.stop_strings.front());
  EXPECT_EQ(instance->tokens_computed(), computed) << "nothing was decoded for it";
}

TEST_F(AnswerSoFarTest, WhatFillsTheContextEndsWhereItEnded) {
  GenerationParams filling = params({.temperature = 0});
  filling.overflow.strategy = ContextOverflow::stop;
  filling.predict = -1;
  const std::size_t capacity = executor.create().capacity();
  while (filling.prompt.size() < capacity - 6) filling.prompt.push_back(filling.prompt.back());
  expect_the_same_wherever_it_is_cut(filling);
}

TEST_F(AnswerSoFarTest, AConversationThatHasItAllGoesOn) {
  const GenerationParams asked = params({.seed = 9, .temperature = 1.5F});
  const Told whole = tell(asked);
  Conversation conversation = executor.create();
  conversation.prompt(prompt);
  conversation.prompt(std::span(whole.tokens).first(10));
  GenerationParams rest = asked;
  rest.prompt.clear();
  rest.answer_so_far.tokens = 10;
  Generation generation(conversation, rest);
  const Told second = read(generation);
  EXPECT_TRUE(std::ranges::equal(second.tokens, std::span(whole.tokens).subspan(10)));
}

TEST_F(AnswerSoFarTest, WhatCannotBeIsRefused) {
  GenerationParams rest = params({.temperature = 0});
  rest.answer_so_far.tokens = prompt.size() + 1;
  expect_error(ErrorCode::usage, "cannot be the end of", [&] { (void)tell(rest); });
  rest.answer_so_far = {.tokens = 2, .averages = {1}};
  expect_error(ErrorCode::usage, "keeps 0 averages", [&] { (void)tell(rest); });
  rest.answer_so_far = {.tokens = 2};
  rest.sampling.grammar = "root ::= [0-9]+";
  expect_error(ErrorCode::usage, "does not allow", [&] { (void)tell(rest); });
  EXPECT_EQ(executor.free_sequences(), 2U);
}

}  // namespace
}  // namespace plimsoll::run
