#include <gtest/gtest.h>

#include "run/speculative.hpp"

#include "arch_models.hpp"
#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;

std::string all_of(SpeculativeGeneration& generation) {
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
    SpeculativeGeneration generation(conversation, proposals, params, {.most = 5, .least_probability = 0});
    const std::string together = all_of(generation);
    EXPECT_EQ(generation.tokens(), alone);
    EXPECT_EQ(together, text);
    EXPECT_EQ(conversation.tokens(), in_memory);
    if (counts != nullptr) *counts = generation.counts();
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
  SpeculativeGeneration generation(conversation, proposals, params);
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
    SpeculativeGeneration generation(conversation, proposals, params);
    said += generation.next().value();
    said += generation.next().value();
    source.request_stop();
    said += all_of(generation);
    EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
    tokens = generation.tokens().size();
  }
  params.stop = {};
  params.prompt.clear();
  params.predict = 40 - static_cast<std::int32_t>(tokens);
  Generation rest(conversation, params);
  EXPECT_EQ(said + stream(rest), whole);
}

TEST_F(SpeculativeTest, WhatCannotBeIsNamed) {
  open(test::demo_request("bosun-log"), test::lively_request("llama-dense", 1));
  GenerationParams params{.prompt = {5, 6, 7}, .predict = 4};
  const auto make = [&] {
    Conversation conversation = target_executor->create();
    Conversation proposals = draft_executor->create();
    const SpeculativeGeneration generation(conversation, proposals, params);
  };
  expect_error(ErrorCode::usage, "same vocabulary", make);
  target_executor.reset();
  draft_executor.reset();
  open(test::lively_request("llama-dense", 1), test::lively_request("llama-dense", 1), 1);
  expect_error(ErrorCode::usage, "--outputs 9", make);
  target_executor.reset();
  draft_executor.reset();
  open(test::lively_request("mamba-dense", 1), test::lively_request("mamba-dense", 1));
  expect_error(ErrorCode::unsupported, "take tokens back", make);
}

}  // namespace
}  // namespace plimsoll::run
