#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "batched_executor_fixture.hpp"
#include "decode_door.hpp"
#include "expect_error.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using test::expect_error;
using test::some_tokens;

TEST_F(BatchedExecutorTest, IsBusyWhenEverySequenceIsTakenAndFreeAgainAfterwards) {
  open("llama-dense", 2);
  const Conversation first = executor->create();
  {
    const Conversation second = executor->create();
    EXPECT_EQ(executor->free_sequences(), 0U);
    expect_error(ErrorCode::busy, "all 2 sequences", [&] { (void)executor->create(); });
    expect_error(ErrorCode::busy, "all 2 sequences", [&] { (void)first.fork(); });
  }
  EXPECT_EQ(executor->create().id(), 1);
}

TEST_F(BatchedExecutorTest, HasItsInstanceToItself) {
  open("llama-dense", 1);
  expect_error(ErrorCode::busy, "another executor", [&] { const BatchedExecutor second(*instance); });
  executor.reset();
  const BatchedExecutor second(*instance);
  EXPECT_EQ(second.free_sequences(), 1U);
}

TEST_F(BatchedExecutorTest, CellsInUseFollowWhatIsInMemory) {
  open("llama-dense", 3);
  EXPECT_EQ(executor->cells_used(), 0U);
  std::optional<Conversation> first = prompted(some_tokens(40));
  Conversation second = prompted(some_tokens(10, 3));
  EXPECT_EQ(executor->cells_used(), 0U);  // they wait
  ASSERT_EQ(first->infer(), DecodeStatus::ok);
  ASSERT_EQ(second.infer(), DecodeStatus::ok);
  EXPECT_EQ(executor->cells_used(), 50U);
  second.rewind(4);
  EXPECT_EQ(executor->cells_used(), 46U);
  const SequenceSnapshot saved = first->save();
  first.reset();
  EXPECT_EQ(executor->cells_used(), 6U);
  const Conversation back = executor->load(saved);
  EXPECT_EQ(executor->cells_used(), 46U);
  const Conversation fork = back.fork();
  EXPECT_EQ(executor->cells_used(), 86U);
}

TEST_F(BatchedExecutorTest, AShortPromptDoesNotWaitForALongOne) {
  open("llama-dense", 3);
  const Conversation long_one = prompted(some_tokens(200));
  const Conversation other_long_one = prompted(some_tokens(200, 3));
  Conversation short_one = prompted(some_tokens(4));
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  EXPECT_TRUE(short_one.has_logits());
  // A batch is of 64 tokens: what the short one left is shared.
  EXPECT_EQ(long_one.waiting(), 170U);
  EXPECT_EQ(other_long_one.waiting(), 170U);
  expect_fresh(short_one);
}

TEST_F(BatchedExecutorTest, ConversationsOfOneBatchDoNotHearEachOther) {
  for (const bool unified : {false, true}) {
    open("llama-dense", 3, unified);
    std::vector<Conversation> all;
    for (int i = 0; i < 3; ++i) all.push_back(prompted(some_tokens(10 + 7 * static_cast<std::size_t>(i), 1 + i)));
    while (all.front().requires_inference() || all.back().requires_inference()) {
      ASSERT_EQ(executor->infer(), DecodeStatus::ok);
    }
    for (Conversation& one : all) expect_fresh(one);
  }
}

TEST_F(BatchedExecutorTest, AFullCacheIsAnAnswerAndNothingIsLost) {
  open("llama-dense", 3, true);  // 768 cells for all
  Conversation first = prompted(some_tokens(400));
  std::optional<Conversation> second = prompted(some_tokens(300));
  ASSERT_EQ(first.infer(), DecodeStatus::ok);
  ASSERT_EQ(second->infer(), DecodeStatus::ok);
  Conversation third = prompted(some_tokens(120, 9));
  DecodeStatus status = DecodeStatus::ok;
  while (status == DecodeStatus::ok) status = executor->infer();
  EXPECT_EQ(status, DecodeStatus::no_kv_slot);
  EXPECT_GT(third.waiting(), 0U);
  second.reset();
  ASSERT_EQ(third.infer(), DecodeStatus::ok);
  expect_fresh(third);
  expect_fresh(first);
}

TEST_F(BatchedExecutorTest, LogitsStayWithTheirConversation) {
  open("llama-dense", 2);
  Conversation one = prompted(some_tokens(5));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  Conversation other = prompted(some_tokens(9, 4));
  ASSERT_EQ(other.infer(), DecodeStatus::ok);  // the engine's own rows are now the other's
  expect_fresh(one);
  expect_fresh(other);
}

TEST_F(BatchedExecutorTest, AForkSharesThePastAndNothingElse) {
  open("llama-dense", 2, true);
  Conversation one = prompted(some_tokens(20));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  one.prompt(engine::Token{3});
  Conversation other = one.fork();  // what waits is forked, too
  EXPECT_EQ(other.waiting(), 1U);
  other.prompt(engine::Token{4});
  one.prompt(engine::Token{5});
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  ASSERT_EQ(other.infer(), DecodeStatus::ok);
  expect_fresh(one);
  expect_fresh(other);
}

TEST_F(BatchedExecutorTest, GivesTheLogitsOfEveryTokenThatWasAskedFor) {
  open("llama-dense", 2, false, 8);
  Conversation other = prompted(some_tokens(100));
  Conversation one = executor->create();
  const std::vector<engine::Token> tokens = some_tokens(8);
  one.prompt_all_logits(tokens);
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  test::FreshEvaluation fresh(*instance);
  for (std::size_t back = 0; back < tokens.size(); ++back) {
    const std::vector<engine::Token> seen(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(back));
    EXPECT_LE(test::largest_difference(one.logits(back), fresh.logits(seen)), test::kLogitTolerance) << back;
  }
  expect_error(ErrorCode::usage, "were not asked for", [&] { (void)one.logits(8); });
  expect_error(ErrorCode::usage, "n_outputs_max 9", [&] { one.prompt_all_logits(some_tokens(9)); });
}

// Several micro-batches at once lose what lies behind the window of a later one.
TEST_F(BatchedExecutorTest, WhereLayersHaveAWindowAllLogitsAreOfOneMicroBatch) {
  open("gemma3-dense", 2, false, 40);
  const std::size_t most = instance->context().facts().n_ubatch;
  ASSERT_LT(most, 40U);
  Conversation one = executor->create();
  expect_error(ErrorCode::usage, "micro-batches of", [&] { one.prompt_all_logits(some_tokens(most + 1)); });
  one.prompt(some_tokens(30));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  one.prompt_all_logits(some_tokens(most, 3));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  expect_fresh(one);
}

TEST_F(BatchedExecutorTest, MisuseIsNamedAndChangesNothing) {
  open("llama-dense", 1);
  Conversation one = executor->create();
  expect_error(ErrorCode::usage, "before a prompt", [&] { (void)one.logits(); });
  one.prompt(some_tokens(3));
  expect_error(ErrorCode::usage, "before infer()", [&] { (void)one.logits(); });
  expect_error(ErrorCode::usage, "unknown token", [&] { one.prompt(engine::Token{-1}); });
  expect_error(ErrorCode::usage, "no tokens", [&] { one.prompt(std::vector<engine::Token>{}); });
  expect_error(ErrorCode::usage, "taken back of 3", [&] { one.rewind(4); });
  expect_error(ErrorCode::context_overflow, "holds 256", [&] { one.prompt(some_tokens(254)); });
  EXPECT_EQ(one.tokens(), some_tokens(3));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  expect_fresh(one);
}

// What goes on from a conversation must be sound before what is there is cut for it.
TEST_F(BatchedExecutorTest, AReplacementThatIsNoneLeavesWhatWasThere) {
  open("llama-dense", 1);
  Conversation one = prompted(some_tokens(20));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  std::vector<engine::Token> other = some_tokens(30);
  other[12] = 1'000'000;
  expect_error(ErrorCode::usage, "unknown token", [&] { (void)one.replace(other); });
  EXPECT_EQ(one.tokens(), some_tokens(20));
  EXPECT_FALSE(one.requires_inference());
  expect_fresh(one);
}

TEST_F(BatchedExecutorTest, NumbersWhoseSumIsNoneForgetNothing) {
  open("llama-dense", 1);
  Conversation one = prompted(some_tokens(20));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  constexpr auto kAll = std::numeric_limits<std::size_t>::max();
  expect_error(ErrorCode::usage, "cannot be forgotten", [&] { (void)one.shift_left(kAll, 2); });
  expect_error(ErrorCode::usage, "cannot be forgotten", [&] { one.reprefill_without(2, kAll); });
  expect_fresh(one);
}

TEST_F(BatchedExecutorTest, ADecodeThatThrowsIsAFailureAndNothingIsLost) {
  open("llama-dense", 2);
  Conversation one = prompted(some_tokens(20));
  Conversation other = prompted(some_tokens(30, 5));
  {
    const test::DecodeDoor door([](llama_context* context, llama_batch batch) -> std::int32_t {
      (void)test::DecodeDoor::through(context, batch);  // and the device is lost behind it
      throw std::runtime_error("gone");
    });
    EXPECT_EQ(executor->infer(), DecodeStatus::failed);
  }
  EXPECT_TRUE(one.requires_inference());
  for (Conversation* conversation : {&one, &other}) {
    ASSERT_EQ(conversation->infer(), DecodeStatus::ok);
    expect_fresh(*conversation);
  }
}

// Half a batch spoils recurrent state, and vectors cannot be decoded again: a batch that fails takes them back. Who
// reads meanwhile sees them all, or none.
TEST_F(BatchedExecutorTest, ReadingBesideABatchThatFailsWaitsForItsEnd) {
  open("mamba-dense", 1);
  Conversation one = executor->create();
  const auto width = static_cast<std::size_t>(instance->model()->facts().n_embd_inp);
  one.prompt_embeddings(std::vector<float>(5 * width, 0.5F));
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  one.prompt(1);
  std::atomic<bool> begun = false;
  std::vector<engine::Token> tokens;
  std::size_t room = 0;
  {
    std::jthread reader;
    const test::DecodeDoor door([&](llama_context*, llama_batch) -> std::int32_t {
      reader = std::jthread([&] {
        begun = true;
        begun.notify_all();
        tokens = one.tokens();
        room = one.room();
      });
      begun.wait(false);
      for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // for who does not wait
      return -3;
    });
    EXPECT_EQ(executor->infer(), DecodeStatus::failed);
  }
  EXPECT_TRUE(one.tokens().empty());
  EXPECT_TRUE(tokens.empty());
  EXPECT_EQ(room, one.capacity());
}

TEST_F(BatchedExecutorTest, VectorsStandForTokens) {
  open("llama-dense", 2);
  const auto width = static_cast<std::size_t>(instance->model()->facts().n_embd_inp);
  std::vector<float> vectors(5 * width);
  for (std::size_t i = 0; i < vectors.size(); ++i) vectors[i] = 0.01F * static_cast<float>(i % 17);
  Conversation whole = executor->create();
  whole.prompt_embeddings(vectors);
  ASSERT_EQ(whole.infer(), DecodeStatus::ok);
  Conversation parts = executor->create();
  for (std::size_t i = 0; i < 5; ++i) {
    parts.prompt_embeddings(std::span(vectors).subspan(i * width, width));
    ASSERT_EQ(parts.infer(), DecodeStatus::ok);
  }
  EXPECT_LE(test::largest_difference(whole.logits(), parts.logits()), test::kLogitTolerance);
  parts.prompt(engine::Token{7});
  whole.prompt(engine::Token{7});
  ASSERT_EQ(parts.infer(), DecodeStatus::ok);
  ASSERT_EQ(whole.infer(), DecodeStatus::ok);
  EXPECT_LE(test::largest_difference(whole.logits(), parts.logits()), test::kLogitTolerance);
  expect_error(ErrorCode::usage, "are not vectors of", [&] { parts.prompt_embeddings(std::vector<float>(3)); });
  expect_error(ErrorCode::unsupported, "are not kept", [&] { parts.reprefill_without(1, 0); });
}

class CancellationTest : public BatchedExecutorTest, public ::testing::WithParamInterface<const char*> {};

// Stopped after the first micro-batch, and again and again at any moment: the logits are those of an undisturbed run.
TEST_P(CancellationTest, TheSequenceGoesOnAsIfNothingHadBeen) {
  open(GetParam(), 2);
  Conversation neighbour = prompted(some_tokens(90, 2));
  Conversation one = prompted(some_tokens(150));
  std::stop_source source;
  EXPECT_EQ(one.infer(source.get_token(), [&](std::size_t) { source.request_stop(); }), DecodeStatus::aborted);
  EXPECT_GT(one.waiting(), 0U);
  int aborted = 0;
  for (int i = 0; one.requires_inference(); ++i) {
    std::stop_source moment;
    std::jthread stopper([&] {
      for (volatile int spin = 0; spin < 20000 * (i + 1); spin = spin + 1) {
      }
      moment.request_stop();
    });
    if (one.infer(moment.get_token()) == DecodeStatus::aborted) ++aborted;
  }
  EXPECT_GT(aborted, 0);
  expect_fresh(one);
  ASSERT_EQ(neighbour.infer(), DecodeStatus::ok);
  expect_fresh(neighbour);
}

INSTANTIATE_TEST_SUITE_P(Models, CancellationTest,
                         ::testing::Values("llama-dense", "gemma3-dense", "mamba-dense", "jamba-dense", "olmoe-moe"));

TEST_F(BatchedExecutorTest, ThreadsEachWithTheirConversationGetTheirOwnAnswers) {
  open("llama-dense", 4, true);
  const auto answer = [&](int which) {
    Conversation one = executor->create();
    one.prompt(some_tokens(30, which));
    engine::Sampler greedy(*instance->model(), {.temperature = 0});
    std::vector<engine::Token> said;
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(one.infer(), DecodeStatus::ok);
      said.push_back(one.sample(greedy));
      one.prompt(said.back());
    }
    return said;
  };
  std::vector<std::vector<engine::Token>> alone;
  for (int i = 0; i < 4; ++i) alone.push_back(answer(i + 1));
  std::vector<std::vector<engine::Token>> together(4);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { together[static_cast<std::size_t>(i)] = answer(i + 1); });
  }
  EXPECT_EQ(together, alone);
  EXPECT_EQ(executor->free_sequences(), 4U);
}

}  // namespace
}  // namespace plimsoll::run
