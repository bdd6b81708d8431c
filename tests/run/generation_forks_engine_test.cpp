// Several generations from one prompt, read by one thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "run/generation.hpp"
#include "run/generation_work.hpp"
#include "run/ready_signal.hpp"

#include "conversation_model.hpp"
#include "decode_door.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "small_models.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;
using test::some_tokens;

constexpr std::size_t kAnswers = 4;
constexpr std::int32_t kPredict = 24;

// What the engine is asked for while it lives.
class Decoded {
 public:
  [[nodiscard]] std::size_t tokens() const { return tokens_; }
  [[nodiscard]] std::size_t most_sequences() const { return most_sequences_; }

 private:
  void note(const llama_batch& batch) {
    std::set<llama_seq_id> sequences;
    for (std::int32_t i = 0; i < batch.n_tokens; ++i) sequences.insert(batch.seq_id[i][0]);
    tokens_ += static_cast<std::size_t>(batch.n_tokens);
    most_sequences_ = std::max(most_sequences_.load(), sequences.size());
  }

  std::atomic<std::size_t> tokens_ = 0;
  std::atomic<std::size_t> most_sequences_ = 0;
  test::DecodeDoor door_{[this](llama_context* context, llama_batch batch) {
    note(batch);
    return test::DecodeDoor::through(context, batch);
  }};
};

// Reads them as their pieces come, until all are over.
void read_all(std::vector<std::unique_ptr<Generation>>& generations, ReadySignal& ready) {
  for (;;) {
    const std::uint32_t seen = ready.seen();
    std::size_t over = 0;
    bool has_read = false;
    for (const auto& generation : generations) {
      const auto piece = generation->poll();
      if (!piece) ++over;
      if (piece && !piece->empty()) has_read = true;
    }
    if (over == generations.size()) return;
    if (!has_read) ready.wait(seen);
  }
}

class ForksTest : public testing::TestWithParam<std::string> {
 protected:
  GenerationParams params_of(std::size_t which) {
    GenerationParams params{.predict = kPredict, .ignore_end_of_generation = true};
    params.sampling.seed = static_cast<std::uint32_t>(which);
    params.on_ready = [this] { ready.notify(); };
    return params;
  }
  std::vector<engine::Token> alone(std::size_t which) {
    GenerationParams params = params_of(which);
    params.prompt = prompt;
    Generation generation(executor.create(), std::move(params));
    (void)stream(generation);
    return generation.tokens();
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance = test::ready(accounting, test::lively_request(GetParam(), kAnswers));
  BatchedExecutor executor{*instance};
  ReadySignal ready;
  const std::vector<engine::Token> prompt = some_tokens(70);
};

// The prompt is decoded once, and the answers share batches.
TEST_P(ForksTest, CopiesOfOnePromptAreGeneratedTogether) {
  std::vector<std::vector<engine::Token>> expected;
  for (std::size_t i = 0; i < kAnswers; ++i) expected.push_back(alone(i));

  std::vector<Conversation> conversations;
  for (std::size_t i = 0; i < kAnswers; ++i) conversations.push_back(executor.create());
  std::vector<std::unique_ptr<Generation>> generations;
  const Decoded decoded;
  std::atomic<bool> copied = false;
  GenerationParams first = params_of(0);
  first.prompt = prompt;
  first.prompt_decoded = [&] {
    for (std::size_t i = 1; i < kAnswers; ++i) conversations[i].copy_from(conversations[0]);
    copied = true;
    ready.notify();
  };
  generations.push_back(std::make_unique<Generation>(conversations[0], std::move(first)));
  while (!copied) {
    const std::uint32_t seen = ready.seen();
    if (generations[0]->poll()->empty() && !copied) ready.wait(seen);
  }
  for (std::size_t i = 1; i < kAnswers; ++i)
    generations.push_back(std::make_unique<Generation>(conversations[i], params_of(i)));
  read_all(generations, ready);

  for (std::size_t i = 0; i < kAnswers; ++i) EXPECT_EQ(generations[i]->tokens(), expected[i]) << i;
  EXPECT_LE(decoded.tokens(), prompt.size() + (kAnswers * kPredict));
  // How many share each depends on when this thread reads: on a busy machine the answers are steps apart.
  EXPECT_GE(decoded.most_sequences(), 2U);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
}

// One goes away while the others are generated from the same cells.
TEST_P(ForksTest, ACopyIsItsOwn) {
  const std::vector<engine::Token> expected = alone(1);
  Conversation conversation = executor.create();
  {
    Conversation first = executor.create();
    first.prompt(prompt);
    ASSERT_EQ(first.infer(), engine::DecodeStatus::ok);
    conversation.prompt(some_tokens(9, 40));
    ASSERT_EQ(conversation.infer(), engine::DecodeStatus::ok);
    conversation.copy_from(first);  // in the place of what it holds
    first.prompt(5);
    ASSERT_EQ(first.infer(), engine::DecodeStatus::ok);
  }
  EXPECT_EQ(conversation.tokens(), prompt);
  Generation generation(conversation, params_of(1));
  (void)stream(generation);
  EXPECT_EQ(generation.tokens(), expected);
}

TEST_P(ForksTest, ACopyOfTheFirstTokensMakesNothingWaitAgain) {
  Conversation first = executor.create();
  first.prompt(prompt);
  ASSERT_EQ(first.infer(), engine::DecodeStatus::ok);
  first.prompt(5);  // waits
  Conversation other = executor.create();
  other.copy_from(first, prompt.size());
  EXPECT_EQ(other.tokens(), prompt);
  EXPECT_EQ(other.waiting(), 0U);
  ASSERT_EQ(first.infer(), engine::DecodeStatus::ok);
  other.copy_from(first, prompt.size());
  EXPECT_EQ(other.waiting(), 0U);
  EXPECT_TRUE(other.tokens() == prompt || !can_forget_its_tail(instance->model()->facts()));
}

TEST_P(ForksTest, WhatIsDecodedOrAnotherExecutorsIsNotCopied) {
  Conversation first = executor.create();
  first.prompt(prompt);
  Conversation other = executor.create();
  GenerationParams params = params_of(0);
  params.prompt = some_tokens(5);
  Generation generation(other, std::move(params));
  ASSERT_TRUE(generation.next());
  expect_error(ErrorCode::usage, "is being decoded", [&] { other.copy_from(first); });
  plan::Request request = test::lively_request(GetParam(), 1);
  request.name = "second";
  const auto second = test::ready(accounting, request);
  BatchedExecutor elsewhere(*second);
  Conversation there = elsewhere.create();
  expect_error(ErrorCode::usage, "another executor", [&] { there.copy_from(first); });
}

INSTANTIATE_TEST_SUITE_P(Memories, ForksTest, testing::Values("llama-dense", "gemma3-dense", "mamba-dense"),
                         [](const auto& test) { return test.param.substr(0, test.param.find('-')); });

}  // namespace
}  // namespace plimsoll::run
