#include <gtest/gtest.h>

#include <limits>

#include "batched_executor_fixture.hpp"
#include "expect_error.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using test::expect_error;
using test::some_tokens;

TEST_F(BatchedExecutorTest, AShiftMovesWhatIsBehindAndEqualsTheEnginesOwn) {
  open("llama-dense", 1);
  Conversation one = prompted(some_tokens(40));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  ASSERT_TRUE(one.shift_left(10, 4));
  EXPECT_EQ(one.next_position(), 30);
  one.prompt(engine::Token{3});
  ASSERT_EQ(one.infer(), DecodeStatus::ok);

  const auto model = test::load_on_cpu(instance->plan().request.model.path);
  engine::ContextParams params = test::small_context();
  params.flash_attn = engine::FlashAttention::off;  // as lively_request() has it
  const auto context = engine::Context::create(model, params);
  (void)test::logits_after(*context, some_tokens(40));
  ASSERT_TRUE(context->remove(0, 4, 14));
  context->shift(0, 14, -1, -10);
  EXPECT_LE(test::largest_difference(one.logits(), test::logits_after(*context, {3})), test::kLogitTolerance);
}

TEST_F(BatchedExecutorTest, WhatCannotShiftIsLeftAsItWas) {
  for (const char* model : {"mamba-dense", "jamba-dense"}) {
    open(model, 1);
    Conversation one = prompted(some_tokens(40));
    ASSERT_EQ(one.infer(), DecodeStatus::ok);
    EXPECT_FALSE(one.shift_left(10, 4)) << model;
    EXPECT_EQ(one.tokens(), some_tokens(40));
    one.reprefill_without(10, 4);
    ASSERT_EQ(one.infer(), DecodeStatus::ok);
    EXPECT_EQ(one.size(), 30U);
    expect_fresh(one);
  }
}

// The window's cache holds 256 of these 1024 tokens, so a rewind of 300 falls out of it.
TEST_F(BatchedExecutorTest, ARewindBehindASlidingWindowDecodesAgain) {
  plan::Request request = test::lively_request("gemma3-dense", 1);
  request.dry_run.context.n_ctx = 1024;
  open(request);
  Conversation one = prompted(some_tokens(700));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  one.rewind(20);
  EXPECT_EQ(one.waiting(), 0U);  // inside: nothing to do
  one.rewind(300);
  one.prompt(engine::Token{5});
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  expect_fresh(one);
}

TEST_F(BatchedExecutorTest, PositionsByHandAreKnownAfterwards) {
  open("llama-dense", 1);
  Conversation one = prompted(some_tokens(20));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  one.modify([](Conversation::MemoryEdit& memory) {
    EXPECT_EQ(memory.end(), 20);
    EXPECT_TRUE(memory.remove(2, 6));
    memory.add(6, -1, -4);
    memory.divide(0, -1, 2);
    EXPECT_EQ(memory.end(), 8);
  });
  EXPECT_EQ(one.size(), 16U);
  EXPECT_EQ(instance->context().last_position(one.id()), 7);
  one.prompt(engine::Token{3});
  EXPECT_EQ(one.infer(), DecodeStatus::ok);
}

// The position behind it would be none.
TEST_F(BatchedExecutorTest, NothingIsMovedToTheLastPositionThereIs) {
  open("llama-dense", 1);
  Conversation one = prompted(some_tokens(4));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  constexpr engine::Position kLast = std::numeric_limits<engine::Position>::max();
  expect_error(ErrorCode::usage, "cannot be moved",
               [&] { one.modify([](Conversation::MemoryEdit& memory) { memory.add(0, -1, kLast - 3); }); });
  EXPECT_EQ(one.next_position(), 4);
}

TEST_F(BatchedExecutorTest, StateOfAnotherModelIsRefusedAndNothingChanges) {
  SequenceSnapshot snapshot;
  open("qwen3-dense", 1);
  {
    Conversation foreign = prompted(some_tokens(5));
    ASSERT_EQ(foreign.infer(), DecodeStatus::ok);
    snapshot = foreign.save();
  }
  open("llama-dense", 2);
  expect_error(ErrorCode::usage, "another model", [&] { (void)executor->load(snapshot); });
  EXPECT_EQ(executor->free_sequences(), 2U);
}

TEST_F(BatchedExecutorTest, DamagedStateIsRefusedAndNothingChanges) {
  open("llama-dense", 1);
  SequenceSnapshot snapshot;
  {
    Conversation one = prompted(some_tokens(5));
    ASSERT_EQ(one.infer(), DecodeStatus::ok);
    snapshot = one.save();
  }
  SequenceSnapshot shorter = snapshot;
  shorter.memory.resize(shorter.memory.size() / 2);
  EXPECT_THROW((void)executor->load(shorter), Error);
  SequenceSnapshot contradictory = snapshot;
  contradictory.tokens.pop_back();
  expect_error(ErrorCode::usage, "contradicts itself", [&] { (void)executor->load(contradictory); });
  EXPECT_EQ(executor->free_sequences(), 1U);
  Conversation one = executor->load(snapshot);
  one.refresh();
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  expect_fresh(one);
}

}  // namespace
}  // namespace plimsoll::run
