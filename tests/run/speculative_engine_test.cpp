#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "run/generation.hpp"

#include "arch_models.hpp"
#include "conversation_model.hpp"
#include "decode_door.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;
using test::some_tokens;

std::string all_of(Generation& generation) {
  std::string text;
  while (auto piece = generation.next()) text += *piece;
  return text;
}

class SpeculativeTest : public ::testing::Test {
 protected:
  void open(plan::Request target_request, plan::Request draft_request, std::uint32_t outputs = 9) {
    target_request.name = "target";
    target_request.dry_run.context.n_outputs_max = outputs;
    draft_request.name = "draft";
    target = test::ready(accounting, target_request);
    draft = test::ready(accounting, draft_request);
    target_executor.emplace(*target);
    draft_executor.emplace(*draft);
  }

  // What the target says alone, and what it says with proposals, from the same prompt.
  void expect_the_same(const GenerationParams& params, SpeculationCounts* counts = nullptr) {
    std::vector<engine::Token> alone;
    std::string text;
    std::vector<engine::Token> in_memory;
    {
      Conversation conversation = target_executor->create();
      Generation generation(conversation, params);
      text = stream(generation);
      alone = generation.tokens();
      in_memory = conversation.tokens();
    }
    Conversation conversation = target_executor->create();
    Conversation proposals = draft_executor->create();
    GenerationParams with_draft = params;
    with_draft.draft = {.conversation = &proposals, .speculation = {.most = 5, .least_probability = 0}};
    Generation generation(conversation, with_draft);
    const std::string together = all_of(generation);
    EXPECT_EQ(generation.tokens(), alone);
    EXPECT_EQ(together, text);
    EXPECT_EQ(conversation.tokens(), in_memory);
    if (counts != nullptr) *counts = generation.timing().speculation;
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> target;
  std::unique_ptr<Instance> draft;
  std::optional<BatchedExecutor> target_executor;
  std::optional<BatchedExecutor> draft_executor;
};

TEST_F(SpeculativeTest, AGoodDraftIsKeptAndTheTextIsTheTargets) {
  open(test::demo_request("bosun-log"), test::demo_request("bosun-log"));
  GenerationParams params{.predict = 60, .sampling = {.temperature = 0}};
  params.prompt = target->model()->vocab().tokenize("Day 12.", true, true);
  SpeculationCounts counts;
  expect_the_same(params, &counts);
  EXPECT_GT(counts.proposed, 0U);
  EXPECT_EQ(counts.accepted, counts.proposed);
  EXPECT_EQ(target->seal_counts().allocations_after_seal, 0U);
  EXPECT_EQ(target->graph_reallocations(), 0);
}

// Another model's proposals are mostly wrong: that costs time and changes nothing.
TEST_F(SpeculativeTest, ABadDraftChangesNothing) {
  for (const char* model : {"llama-dense", "gemma3-dense", "olmoe-moe"}) {
    target_executor.reset();
    draft_executor.reset();
    open(test::lively_request(model, 1), test::lively_request("qwen3-dense", 1));
    GenerationParams params{.prompt = test::some_tokens(20), .predict = 50, .ignore_end_of_generation = true};
    params.sampling.temperature = 0;
    SpeculationCounts counts;
    expect_the_same(params, &counts);
    EXPECT_LT(counts.accepted, counts.proposed) << model;
    params.sampling = {.seed = 5, .temperature = 1.2F};
    expect_the_same(params);
  }
}

TEST_F(SpeculativeTest, EndsWhereTheContextIsFull) {
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = test::some_tokens(200), .predict = -1, .ignore_end_of_generation = true};
  params.sampling.temperature = 0;
  Conversation conversation = target_executor->create();
  Conversation proposals = draft_executor->create();
  params.draft = {.conversation = &proposals};
  Generation generation(conversation, params);
  (void)all_of(generation);
  EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  EXPECT_EQ(generation.tokens().size(), 57U);  // the last one needs no place
}

TEST_F(SpeculativeTest, ACancelledOneGoesOnAsIfItHadNotStopped) {
  open(test::demo_request("bosun-log"), test::demo_request("bosun-log"));
  GenerationParams params{.predict = 40, .sampling = {.temperature = 0}};
  params.prompt = target->model()->vocab().tokenize("Day 12.", true, true);
  std::string whole;
  {
    Conversation conversation = target_executor->create();
    Generation generation(conversation, params);
    whole = stream(generation);
  }
  Conversation conversation = target_executor->create();
  Conversation proposals = draft_executor->create();
  std::string said;
  std::size_t tokens = 0;
  {
    std::stop_source source;
    params.stop = source.get_token();
    params.draft = {.conversation = &proposals};
    Generation generation(conversation, params);
    said += generation.next().value();
    said += generation.next().value();
    source.request_stop();
    said += all_of(generation);
    EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
    tokens = generation.tokens().size();
  }
  params.stop = {};
  params.draft.reset();
  params.prompt.clear();
  params.predict = 40 - static_cast<std::int32_t>(tokens);
  Generation rest(conversation, params);
  EXPECT_EQ(said + stream(rest), whole);
}

// The draft follows what is forgotten.
TEST_F(SpeculativeTest, GoesOnWhereAFullContextForgets) {
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = some_tokens(200), .predict = 120, .ignore_end_of_generation = true};
  params.sampling.temperature = 0;
  for (const ContextOverflow strategy : {ContextOverflow::shift, ContextOverflow::reprefill}) {
    params.overflow.strategy = strategy;
    SpeculationCounts counts;
    expect_the_same(params, &counts);
    EXPECT_GT(counts.accepted, 0U);
  }
}

// Whoever looks at logits, or brings a sampler, gets nothing ahead: each step is read before the next is made.
TEST_F(SpeculativeTest, CallbacksHearOfEachTokenOnce) {
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = some_tokens(20), .predict = 30, .ignore_end_of_generation = true};
  params.sampling.temperature = 0;
  std::vector<engine::Token> heard;
  params.on_token = [&](engine::Token token, std::span<const float> logits) {
    EXPECT_EQ(std::ranges::max_element(logits) - logits.begin(), token);
    heard.push_back(token);
  };
  SpeculationCounts counts;
  expect_the_same(params, &counts);
  EXPECT_GT(counts.accepted, 0U);
  ASSERT_EQ(heard.size(), 60U);  // alone, and with the draft
  EXPECT_TRUE(std::equal(heard.begin(), heard.begin() + 30, heard.begin() + 30));
}

TEST_F(SpeculativeTest, AnExceptionInTheMiddleOfACheckTakesTheRestBack) {
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = some_tokens(20), .predict = 30, .ignore_end_of_generation = true};
  params.sampling.temperature = 0;
  std::vector<engine::Token> expected;
  {
    Generation alone(target_executor->create(), params);
    (void)stream(alone);
    expected = alone.tokens();
  }
  for (const bool on_the_loop : {true, false}) {
    Conversation conversation = target_executor->create();
    Conversation proposals = draft_executor->create();
    params.draft = {.conversation = &proposals, .speculation = {.most = 5, .least_probability = 0}};
    std::size_t heard = 0;
    const auto hear = [&] {
      if (++heard == 4) throw std::runtime_error("enough");
    };
    params.on_token = nullptr;
    params.on_read = nullptr;
    if (on_the_loop)
      params.on_token = [&](engine::Token, std::span<const float>) { hear(); };
    else
      params.on_read = [&](const ReadToken&) { hear(); };
    Generation generation(conversation, params);
    EXPECT_THROW((void)all_of(generation), std::runtime_error);
    EXPECT_EQ(generation.tokens(), std::vector(expected.begin(), expected.begin() + 3));
    (void)all_of(generation);  // it can go on
    EXPECT_EQ(generation.tokens(), expected) << on_the_loop;
    EXPECT_EQ(conversation.size(), 50U);
  }
}

// Proposals for several, checked in the batches of all; read, left early or stopped as anything else.
TEST_F(SpeculativeTest, SeveralAtOnceDisturbNobody) {
  constexpr int kStreams = 6;
  open(test::lively_request("llama-dense", kStreams), test::lively_request("llama-dense", kStreams), 6 * kStreams);
  const auto params_of = [](int which) {
    GenerationParams params{.prompt = some_tokens(20 + static_cast<std::size_t>(which), which + 1), .predict = 40};
    params.ignore_end_of_generation = true;
    params.sampling.temperature = 0;
    return params;
  };
  std::vector<std::vector<engine::Token>> expected;
  for (int i = 0; i < kStreams; ++i) {
    Generation alone(target_executor->create(), params_of(i));
    (void)stream(alone);
    expected.push_back(alone.tokens());
  }
  std::vector<std::jthread> threads;
  for (int which = 0; which < kStreams; ++which) {
    threads.emplace_back([&, which] {
      Conversation conversation = target_executor->create();
      Conversation proposals = draft_executor->create();
      GenerationParams params = params_of(which);
      std::stop_source stop;
      params.stop = stop.get_token();
      if (which != 0)  // one without a draft among them
        params.draft = {.conversation = &proposals, .speculation = {.most = 5, .least_probability = 0}};
      std::vector<engine::Token> read;
      {
        Generation generation(conversation, params);
        std::size_t pieces_read = 0;
        while (generation.next()) {
          ++pieces_read;
          if (which == 2 && pieces_read == 4) break;
          if (which == 3 && pieces_read == 3) stop.request_stop();
        }
        read = generation.tokens();
        if (which > 3) {
          EXPECT_GT(generation.timing().speculation.accepted, 0U) << which;
        }
        EXPECT_EQ(generation.timing().speculation.proposed > 0, which != 0) << which;
      }
      const auto& whole = expected[static_cast<std::size_t>(which)];
      EXPECT_EQ(read.size() < whole.size(), which == 2 || which == 3) << which;
      EXPECT_TRUE(std::ranges::equal(read, std::span(whole).first(read.size()))) << which;
      EXPECT_EQ(conversation.size(), params.prompt.size() + read.size()) << which;
      ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
      const auto logits = conversation.logits();
      const std::vector<float> here(logits.begin(), logits.end());
      test::FreshEvaluation fresh(*target);
      EXPECT_LE(test::largest_difference(here, fresh.logits(conversation.tokens())), test::kLogitTolerance) << which;
    });
  }
  threads.clear();
  EXPECT_EQ(target_executor->free_sequences(), static_cast<std::size_t>(kStreams));
  EXPECT_EQ(draft_executor->free_sequences(), static_cast<std::size_t>(kStreams));
}

// What becomes of the draft is no concern of the answer.
TEST_F(SpeculativeTest, ADraftThatFailsProposesNothingAnyMore) {
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = some_tokens(20), .predict = 30, .ignore_end_of_generation = true};
  params.sampling.temperature = 0;
  std::atomic<int> drafted = 0;
  const test::DecodeDoor door([&](llama_context* context, llama_batch batch) {
    const bool is_the_drafts = llama_get_model(context) == draft->model()->handle();
    return is_the_drafts && ++drafted == 9 ? -3 : test::DecodeDoor::through(context, batch);
  });
  SpeculationCounts counts;
  expect_the_same(params, &counts);
  EXPECT_GE(drafted, 9);
  EXPECT_GT(counts.accepted, 0U);
}

TEST_F(SpeculativeTest, WhatCannotBeIsNamed) {
  open(test::demo_request("bosun-log"), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = {5, 6, 7}, .predict = 4};
  const auto make = [&] {
    Conversation conversation = target_executor->create();
    Conversation proposals = draft_executor->create();
    params.draft = {.conversation = &proposals};
    const Generation generation(conversation, params);
  };
  expect_error(ErrorCode::usage, "same vocabulary", make);
  target_executor.reset();
  draft_executor.reset();
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1), 1);
  expect_error(ErrorCode::usage, "n_outputs_max 9", make);
  target_executor.reset();
  draft_executor.reset();
  open(test::lively_request("mamba-dense", 1), test::lively_request("mamba-dense", 1));
  expect_error(ErrorCode::unsupported, "take tokens back", make);
}

}  // namespace
}  // namespace plimsoll::run
