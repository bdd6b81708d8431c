// What the model thinks of its prompt: the same whatever rows of logits were planned, whoever else is at work, and
// wherever it pauses.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "run/generation.hpp"

#include "batched_executor_fixture.hpp"

namespace plimsoll::run {
namespace {

using test::some_tokens;

struct Asked {
  const char* model;
  std::uint32_t sequences;
  std::uint32_t outputs;
};

class PromptOpinionsTest : public BatchedExecutorTest, public testing::WithParamInterface<Asked> {
 protected:
  static constexpr std::size_t kPrompt = 70;  // more than two micro-batches
  static constexpr std::size_t kLikeliest = 3;

  void open_model() { BatchedExecutorTest::open(GetParam().model, GetParam().sequences, false, GetParam().outputs); }
  GenerationParams params(std::vector<TokenOpinion>& told, std::vector<engine::Token> prompt = some_tokens(kPrompt)) {
    GenerationParams params{.prompt = std::move(prompt), .predict = 6, .sampling = {.temperature = 0}};
    params.ignore_end_of_generation = true;
    params.prompt_likeliest = kLikeliest;
    params.on_prompt_read = [&told](const TokenOpinion& opinion) { told.push_back(opinion); };
    return params;
  }
  // Each beginning of the tokens decoded alone.
  void expect_of(const std::vector<TokenOpinion>& told, const std::vector<engine::Token>& tokens) {
    ASSERT_EQ(told.size(), tokens.size() - 1);
    test::FreshEvaluation fresh(*instance);
    for (std::size_t at = 1; at < tokens.size(); at += at < 40 ? 13 : 7) {
      const auto logits = fresh.logits({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(at)});
      const engine::TokenProbability expected = engine::probability_of(logits, tokens[at]);
      const TokenOpinion& opinion = told[at - 1];
      EXPECT_EQ(opinion.chosen.token, tokens[at]);
      EXPECT_NEAR(opinion.chosen.probability, expected.probability, 1e-3) << at;
      ASSERT_EQ(opinion.likeliest.size(), kLikeliest);
      EXPECT_NEAR(opinion.likeliest.front().probability, engine::most_probable(logits, 1).front().probability, 1e-3);
    }
  }
};

TEST_P(PromptOpinionsTest, EachTokenButTheFirstIsToldAndTheAnswerIsTheSame) {
  open_model();
  const std::vector<engine::Token> plain = [&] {
    Generation generation(executor->create(), {.prompt = some_tokens(kPrompt),
                                               .predict = 6,
                                               .sampling = {.temperature = 0},
                                               .ignore_end_of_generation = true});
    (void)stream(generation);
    return generation.tokens();
  }();
  std::vector<TokenOpinion> told;
  std::vector<std::size_t> progress;
  GenerationParams asked = params(told);
  asked.prompt_progress = [&](std::size_t done, std::size_t of) {
    EXPECT_EQ(of, kPrompt);
    progress.push_back(done);
  };
  Conversation conversation = executor->create();
  Generation generation(conversation, std::move(asked));
  (void)stream(generation);
  expect_of(told, some_tokens(kPrompt));
  EXPECT_EQ(generation.tokens(), plain);
  EXPECT_EQ(conversation.size(), kPrompt + 6);
  EXPECT_TRUE(std::ranges::is_sorted(progress));
  EXPECT_EQ(progress.back(), kPrompt);
}

TEST_P(PromptOpinionsTest, NothingIsAllocatedBeyondThePlan) {
  open_model();
  const Bytes before = accounting.ledger().account(device::host()).taken;
  std::vector<TokenOpinion> told;
  Generation generation(executor->create(), params(told));
  (void)stream(generation);
  EXPECT_EQ(accounting.ledger().account(device::host()).taken, before);
}

TEST_P(PromptOpinionsTest, OthersAtWorkGoOnMeanwhile) {
  open_model();
  if (GetParam().sequences < 2) return;  // nobody else is there
  std::vector<TokenOpinion> first;
  std::vector<TokenOpinion> second;
  Generation one(executor->create(), params(first));
  Generation other(executor->create(), params(second, some_tokens(50, 9)));
  bool one_goes_on = true;
  for (bool other_goes_on = true; one_goes_on || other_goes_on;) {
    if (one_goes_on) one_goes_on = one.poll().has_value();
    if (other_goes_on) other_goes_on = other.poll().has_value();
  }
  expect_of(first, some_tokens(kPrompt));
  expect_of(second, some_tokens(50, 9));
}

TEST_P(PromptOpinionsTest, ItPausesWithinThePromptAndTellsTheRest) {
  open_model();
  std::vector<TokenOpinion> told;
  std::optional<Conversation> conversation(executor->create());
  Generation generation(*conversation, params(told));
  for (int pause = 0; pause < 3; ++pause) {
    const std::size_t before = told.size();
    while (told.size() == before && generation.poll().value_or("").empty() && generation.tokens().empty()) {
    }
    generation.pause();
    while (!generation.poll().value_or("").empty()) {
    }
    EXPECT_GE(conversation->size(), kPrompt) << "nothing of the prompt is missing meanwhile";
    const SequenceSnapshot saved = conversation->save();
    conversation.reset();
    conversation.emplace(executor->load(saved));
    generation.go_on();
  }
  (void)stream(generation);
  expect_of(told, some_tokens(kPrompt));
}

TEST_P(PromptOpinionsTest, OneThatIsLeftEarlyLeavesItsPromptWhole) {
  open_model();
  std::vector<TokenOpinion> told;
  Conversation conversation = executor->create();
  {
    Generation generation(conversation, params(told));
    while (told.empty()) (void)generation.poll();
  }
  EXPECT_EQ(conversation.tokens(), some_tokens(kPrompt));
  ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
  expect_fresh(conversation);
}

TEST_P(PromptOpinionsTest, OfOneTokenThereIsNothingToTell) {
  open_model();
  std::vector<TokenOpinion> told;
  Generation generation(executor->create(), params(told, some_tokens(1)));
  EXPECT_FALSE(stream(generation).empty());
  EXPECT_TRUE(told.empty());
}

TEST_P(PromptOpinionsTest, WhatFollowsAPromptIsToldFromThereOn) {
  open_model();
  Conversation conversation = executor->create();
  conversation.prompt(some_tokens(20));
  ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
  std::vector<TokenOpinion> told;
  GenerationParams asked = params(told, some_tokens(30, 5));
  asked.predict = 0;
  Generation generation(conversation, std::move(asked));
  (void)stream(generation);
  ASSERT_EQ(told.size(), 29U);
  EXPECT_EQ(told.front().chosen.token, some_tokens(30, 5)[1]);
}

TEST_P(PromptOpinionsTest, WhatIsThrownWhileItIsReadComesAgain) {
  open_model();
  std::vector<TokenOpinion> told;
  GenerationParams asked = params(told);
  bool throws = true;
  asked.on_prompt_read = [&](const TokenOpinion& opinion) {
    if (told.size() == 10 && std::exchange(throws, false)) throw std::runtime_error("not now");
    told.push_back(opinion);
  };
  Generation generation(executor->create(), std::move(asked));
  EXPECT_THROW((void)stream(generation), std::runtime_error);
  (void)stream(generation);
  expect_of(told, some_tokens(kPrompt));
}

// Plain, of a sliding window, and of a memory that cannot forget its tail.
INSTANTIATE_TEST_SUITE_P(Rows, PromptOpinionsTest,
                         testing::Values(Asked{"llama-dense", 1, 0}, Asked{"llama-dense", 3, 0},
                                         Asked{"llama-dense", 1, 9}, Asked{"llama-dense", 3, 64},
                                         Asked{"gemma3-dense", 2, 16}, Asked{"mamba-dense", 2, 16}),
                         [](const auto& asked) {
                           std::string name =
                               fmt::format("{}_{}_{}", asked.param.model, asked.param.sequences, asked.param.outputs);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace plimsoll::run
