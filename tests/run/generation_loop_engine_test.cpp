// Generations on the decode loop: what their readers do must not be seen in what they get.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

#include "run/generation.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using namespace std::chrono_literals;
using test::some_tokens;

constexpr int kStreams = 6;

class GenerationLoopTest : public testing::TestWithParam<std::string> {
 protected:
  GenerationParams params_of(int which) {
    GenerationParams params{.prompt = some_tokens(10 + static_cast<std::size_t>(which), which + 1), .predict = 24};
    params.sampling.seed = static_cast<std::uint32_t>(which);
    params.ignore_end_of_generation = true;
    return params;
  }
  std::vector<engine::Token> alone(int which) {
    Generation generation(executor.create(), params_of(which));
    (void)stream(generation);
    return generation.tokens();
  }
  template <class Work>
  void at_once(Work work) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kStreams; ++i) threads.emplace_back([&, i] { work(i); });
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::lively_request(GetParam(), kStreams));
  BatchedExecutor executor{*instance};
};

// Read with next(), as a stream, slowly, left early, cancelled: whoever is read whole says what it says alone, and the
// conversation holds what was read.
TEST_P(GenerationLoopTest, ManyReadersOfEveryKindDisturbNobody) {
  std::vector<std::vector<engine::Token>> expected;
  for (int i = 0; i < kStreams; ++i) expected.push_back(alone(i));
  at_once([&](int which) {
    const auto& whole = expected[static_cast<std::size_t>(which)];
    Conversation conversation = executor.create();
    GenerationParams params = params_of(which);
    const std::vector<engine::Token> prompt = params.prompt;
    std::stop_source stop;
    if (which % 6 == 4) params.stop = stop.get_token();
    std::vector<engine::Token> read;
    {
      Generation generation(conversation, params);
      int pieces_read = 0;
      if (which % 6 == 0) (void)stream(generation);
      if (which % 6 == 1) {
        while (generation.next()) std::this_thread::sleep_for(1ms);
      }
      if (which % 6 == 2) (void)stream(generation, [&](std::string_view) { return ++pieces_read < 5; });
      if (which % 6 == 3) {
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(generation.next());
      }
      if (which % 6 == 4) {
        for (int i = 0; i < 5; ++i) EXPECT_TRUE(generation.next());
        stop.request_stop();
        while (generation.next()) ++pieces_read;
        EXPECT_EQ(generation.finish_reason(), FinishReason::cancelled);
      }
      if (which % 6 == 5) {
        while (generation.next()) ++pieces_read;
      }
      read = generation.tokens();
    }
    const bool left_early = which % 6 >= 2 && which % 6 <= 4;
    EXPECT_EQ(read.size() < whole.size(), left_early) << which;
    EXPECT_TRUE(std::ranges::equal(read, std::span(whole).first(read.size()))) << which;
    std::vector<engine::Token> all = prompt;
    all.insert(all.end(), read.begin(), read.end());
    EXPECT_EQ(conversation.tokens(), all) << which;
    ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
    const auto logits = conversation.logits();
    const std::vector<float> here(logits.begin(), logits.end());
    test::FreshEvaluation fresh(*instance);
    EXPECT_LE(test::largest_difference(here, fresh.logits(all)), test::kLogitTolerance) << which;
  });
  EXPECT_EQ(executor.free_sequences(), static_cast<std::size_t>(kStreams));
}

// Where somebody throws in on_token, on the loop's thread, or in on_read, on the reader's: the others go on.
TEST_P(GenerationLoopTest, AnExceptionArrivesWhereItBelongsAndNowhereElse) {
  std::vector<std::vector<engine::Token>> expected;
  for (int i = 0; i < kStreams; ++i) expected.push_back(alone(i));
  at_once([&](int which) {
    GenerationParams params = params_of(which);
    const bool throws = which % 3 != 0;
    std::size_t seen = 0;
    const auto hear = [&] {
      if (throws && ++seen == 4) throw std::runtime_error("enough");
    };
    if (which % 3 == 1)
      params.on_token = [&](engine::Token, std::span<const float>) { hear(); };
    else
      params.on_read = [&](const ReadToken&) { hear(); };
    Conversation conversation = executor.create();
    const std::size_t prompt = params.prompt.size();
    {
      Generation generation(conversation, params);
      if (!throws) {
        (void)stream(generation);
        EXPECT_EQ(generation.tokens(), expected[static_cast<std::size_t>(which)]);
        return;
      }
      EXPECT_THROW((void)stream(generation), std::runtime_error);
      EXPECT_EQ(generation.tokens().size(), 3U);
    }
    EXPECT_EQ(conversation.size(), prompt + 3);
  });
}

// What was made ahead waits for its reader, and no more is made.
TEST_P(GenerationLoopTest, ASlowReaderBoundsWhatIsMade) {
  GenerationParams params = params_of(0);
  params.predict = 100;
  Conversation conversation = executor.create();
  {
    Generation generation(conversation, params);
    ASSERT_TRUE(generation.next());
    std::this_thread::sleep_for(200ms);
    const auto before = instance->tokens_computed();
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(instance->tokens_computed(), before);
    EXPECT_LE(conversation.size(), params.prompt.size() + 3);
    EXPECT_EQ(generation.tokens().size(), 1U);
  }
  EXPECT_EQ(conversation.size(), params.prompt.size() + 1);
}

TEST_P(GenerationLoopTest, AConversationDoesOneThingAtATime) {
  Conversation conversation = executor.create();
  GenerationParams params = params_of(0);
  Generation first(conversation, params);
  ASSERT_TRUE(first.next());
  params.prompt = {5};
  Generation second(conversation, params);
  test::expect_error(ErrorCode::usage, "one thing at a time", [&] { (void)second.next(); });
}

INSTANTIATE_TEST_SUITE_P(Models, GenerationLoopTest, testing::Values("llama-dense", "mamba-dense", "gemma3-dense"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// The executor may go before the conversation, and a generation that was never read before anything ran.
TEST(GenerationLoopLifetimeTest, AnyOrderOfEndingIsClean) {
  MemoryAccounting accounting;
  const auto instance = test::ready(accounting, test::lively_request("llama-dense", 2));
  for (int round = 0; round < 20; ++round) {
    std::optional<BatchedExecutor> executor(std::in_place, *instance);
    std::optional<Conversation> conversation(executor->create());
    auto generation = std::make_unique<Generation>(*conversation, GenerationParams{.prompt = some_tokens(40)});
    for (int i = 0; i < round % 4; ++i) (void)generation->next();
    executor.reset();
    generation.reset();
    conversation.reset();
  }
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
}

class SharedCacheTest : public testing::Test {
 protected:
  void open() {
    plan::Request request = test::lively_request("llama-dense", 3);
    request.dry_run.context.kv_unified = true;  // 768 cells for all
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }
  std::vector<engine::Token> tokens_of(Generation& generation) {
    (void)stream(generation);
    return generation.tokens();
  }
  static GenerationParams params(int first) {
    GenerationParams params{.prompt = some_tokens(300, first), .predict = 200, .sampling = {.temperature = 0}};
    params.ignore_end_of_generation = true;
    return params;
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
};

TEST_F(SharedCacheTest, WhoDoesNotFitBesideOthersWaitsAndGoesOn) {
  open();
  std::vector<std::vector<engine::Token>> together(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < 3; ++i) {
      threads.emplace_back([&, i] {
        Generation generation(executor->create(), params(static_cast<int>(i) + 1));
        together[i] = tokens_of(generation);
        EXPECT_EQ(generation.finish_reason(), FinishReason::length);
      });
    }
  }
  for (const auto& tokens : together) EXPECT_EQ(tokens.size(), 200U);
}

TEST_F(SharedCacheTest, TheLastOneEndsWithLength) {
  open();
  Conversation idle = executor->create();
  idle.prompt(some_tokens(400));
  ASSERT_EQ(idle.infer(), engine::DecodeStatus::ok);
  Generation generation(executor->create(), params(2));
  const std::size_t said = tokens_of(generation).size();
  EXPECT_EQ(generation.finish_reason(), FinishReason::length);
  EXPECT_GE(said, 60U);
  EXPECT_LT(said, 80U);
  EXPECT_EQ(idle.size(), 400U);
}

TEST_F(SharedCacheTest, WhatNobodyUsesGoesFirst) {
  open();
  std::optional<Conversation> idle(executor->create());
  idle->prompt(some_tokens(400));
  ASSERT_EQ(idle->infer(), engine::DecodeStatus::ok);
  executor->on_full_cache([&] {
    const bool was_there = idle.has_value();
    idle.reset();
    return was_there;
  });
  Generation generation(executor->create(), params(2));
  EXPECT_EQ(tokens_of(generation).size(), 200U);
  EXPECT_FALSE(idle.has_value());
}

}  // namespace
}  // namespace plimsoll::run
