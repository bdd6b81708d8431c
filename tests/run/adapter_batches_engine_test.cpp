// Conversations with different adapters on one context: each computes what it would alone, and all of them get on.
#include <algorithm>
#include <limits>
#include <sstream>

#include "run/generation.hpp"
#include "run/state_archive.hpp"

#include "batched_executor_fixture.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::run {
namespace {

using engine::AdapterScales;
using engine::DecodeStatus;
using test::expect_error;
using test::some_tokens;

class AdapterBatchesTest : public BatchedExecutorTest {
 protected:
  std::string lora(const char* name, std::uint32_t rank) {
    return folder_.write(
        name, test::tiny_lora("llama", {.layers = 2, .width_in = 256, .width_out = 256, .rank = rank}).bytes());
  }
  plan::Request request(float first, float second, std::uint32_t sequences = 3) {
    plan::Request request = test::lively_request("llama-dense", sequences);
    request.dry_run.adapters = {{.path = lora("a.gguf", 4), .scale = first},
                                {.path = lora("b.gguf", 8), .scale = second}};
    return request;
  }
  Conversation prompted_with(const AdapterScales& scales, const std::vector<engine::Token>& tokens) {
    Conversation conversation = executor->create();
    conversation.set_adapter_scales(scales);
    conversation.prompt(tokens);
    return conversation;
  }
  // What another instance computes with these scales for everybody.
  std::vector<float> alone(const AdapterScales& scales, const std::vector<engine::Token>& tokens) {
    plan::Request other = request(1, 0.5F);
    other.name = "alone";
    const auto fresh = test::ready(accounting, other);
    fresh->set_adapter_scales(scales);
    BatchedExecutor only(*fresh);
    Conversation conversation = only.create();
    conversation.prompt(tokens);
    if (conversation.infer() != DecodeStatus::ok) throw std::runtime_error("not decoded");
    const auto row = conversation.logits();
    return {row.begin(), row.end()};
  }
  void expect_alone(Conversation& conversation, const AdapterScales& scales) {
    EXPECT_LE(test::largest_difference(conversation.logits(), alone(scales, conversation.tokens())),
              test::kLogitTolerance);
  }
  test::TemporaryFolder folder_;
};

TEST_F(AdapterBatchesTest, EachConversationHasItsOwn) {
  open(request(1, 0.5F));
  Conversation both = prompted_with({1, 0.5F}, some_tokens(20));
  Conversation first = prompted_with({1, 0}, some_tokens(20));
  Conversation none = prompted_with({0, 0}, some_tokens(20));
  while (both.requires_inference() || first.requires_inference() || none.requires_inference())
    ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  expect_alone(both, {1, 0.5F});
  expect_alone(first, {1, 0});
  expect_alone(none, {0, 0});
  EXPECT_GT(test::largest_difference(both.logits(), first.logits()), 10 * test::kLogitTolerance);
  EXPECT_GT(test::largest_difference(first.logits(), none.logits()), 10 * test::kLogitTolerance);
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
}

TEST_F(AdapterBatchesTest, WhoeverSaysNothingHasTheInstances) {
  open(request(1, 0.5F));
  Conversation usual = prompted(some_tokens(9));
  ASSERT_EQ(usual.infer(), DecodeStatus::ok);
  expect_alone(usual, {1, 0.5F});
  EXPECT_TRUE(usual.adapter_scales().empty());
  instance->set_adapter_scales(AdapterScales{0, 1});
  Conversation later = prompted(some_tokens(9));
  Conversation own = prompted_with({1, 0}, some_tokens(9));
  ASSERT_EQ(later.infer(), DecodeStatus::ok);
  ASSERT_EQ(own.infer(), DecodeStatus::ok);
  expect_alone(later, {0, 1});
  expect_alone(own, {1, 0});
}

TEST_F(AdapterBatchesTest, OneBatchHasOneSetOfThem) {
  open(request(1, 1));
  const Conversation first = prompted_with({1, 0}, some_tokens(4));
  const Conversation alike = prompted_with({1, 0}, some_tokens(4, 2));
  const Conversation other = prompted_with({0, 1}, some_tokens(4, 3));
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  EXPECT_FALSE(first.requires_inference());
  EXPECT_FALSE(alike.requires_inference());
  EXPECT_TRUE(other.requires_inference());
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  EXPECT_FALSE(other.requires_inference());
}

// A switch has the engine reserve its graphs again, so each set has some batches; nobody waits for the end of another.
TEST_F(AdapterBatchesTest, TakeTurnsWhileBothGenerate) {
  open(request(1, 1));
  Conversation left = prompted_with({1, 0}, some_tokens(3));
  Conversation right = prompted_with({0, 1}, some_tokens(3));
  std::string order;
  for (int batch = 0; batch < 64; ++batch) {
    for (Conversation* one : {&left, &right}) {
      if (!one->requires_inference()) one->prompt(engine::Token{1});
    }
    const std::size_t before = left.waiting();
    ASSERT_EQ(executor->infer(), DecodeStatus::ok);
    order += left.waiting() < before ? 'l' : 'r';
  }
  EXPECT_EQ(std::ranges::count(order, 'l'), 32);
  std::size_t switches = 0;
  for (std::size_t i = 1; i < order.size(); ++i) switches += order[i] != order[i - 1] ? 1U : 0U;
  EXPECT_EQ(switches, 7U) << order;
}

// A long prompt's turn is a micro-batch: it is not eight of them before another one's next token.
TEST_F(AdapterBatchesTest, ALongPromptGivesWayAfterAMicroBatch) {
  open(request(1, 1));
  const Conversation prompt = prompted_with({1, 0}, some_tokens(200));
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  ASSERT_GT(prompt.waiting(), 0U);
  const Conversation other = prompted_with({0, 1}, some_tokens(3));
  const std::size_t before = prompt.waiting();
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  EXPECT_FALSE(other.requires_inference());
  EXPECT_EQ(prompt.waiting(), before);
}

TEST_F(AdapterBatchesTest, OthersAreComputedAgain) {
  open(request(1, 1));
  Conversation conversation = prompted_with({1, 0}, some_tokens(12));
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  conversation.set_adapter_scales(AdapterScales{1, 0});
  EXPECT_TRUE(conversation.has_logits()) << "they are what they were";
  conversation.set_adapter_scales(AdapterScales{0, 1});
  EXPECT_EQ(conversation.waiting(), 12U);
  ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
  expect_alone(conversation, {0, 1});
  Conversation fork = conversation.fork();
  EXPECT_EQ(fork.adapter_scales(), (AdapterScales{0, 1}));
  fork.prompt(engine::Token{5});
  ASSERT_EQ(fork.infer(), DecodeStatus::ok);
  expect_alone(fork, {0, 1});
  expect_error(ErrorCode::usage, "2 adapters", [&] { conversation.set_adapter_scales(AdapterScales{1}); });
  expect_error(ErrorCode::usage, "not a number",
               [&] { conversation.set_adapter_scales(AdapterScales{1, std::numeric_limits<float>::quiet_NaN()}); });
}

TEST_F(AdapterBatchesTest, AreSavedAndRestoredWithTheConversation) {
  open(request(1, 1));
  std::stringstream file;
  {
    Conversation conversation = prompted_with({0, 1}, some_tokens(12));
    ASSERT_EQ(conversation.infer(), DecodeStatus::ok);
    write_archive(sink_of(file), conversation.save());
  }
  const SequenceSnapshot saved = read_sequence_archive(file);
  EXPECT_EQ(saved.adapter_scales, (AdapterScales{0, 1}));
  {
    Conversation back = executor->load(saved);
    EXPECT_EQ(back.adapter_scales(), (AdapterScales{0, 1}));
    back.prompt(engine::Token{7});
    ASSERT_EQ(back.infer(), DecodeStatus::ok);
    expect_alone(back, {0, 1});
  }
  executor.reset();
  instance.reset();

  plan::Request others = request(1, 1);
  std::swap(others.dry_run.adapters[0], others.dry_run.adapters[1]);
  open(others);
  expect_error(ErrorCode::usage, "another model, cache or engine", [&] { (void)executor->load(saved); });
}

// An adapter of scale 0 is not in the engine's graphs: memory for it is planned all the same.
TEST_F(AdapterBatchesTest, OneThatWasPlannedWithoutEffectCanBeHadLater) {
  open(request(0, 0));
  EXPECT_EQ(test::plan_of(request(0, 0)).models.front().entries, test::plan_of(request(1, 1)).models.front().entries);
  Conversation usual = prompted(some_tokens(20));
  ASSERT_EQ(usual.infer(), DecodeStatus::ok);
  expect_alone(usual, {0, 0});
  Conversation both = prompted_with({1, 0.5F}, some_tokens(20));
  ASSERT_EQ(both.infer(), DecodeStatus::ok);
  expect_alone(both, {1, 0.5F});
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
}

// Vectors that see each other have a batch of their own; it does not wait until somebody else has nothing to say.
TEST_F(BatchedExecutorTest, WhoHasWaitedLongestDecidesWhatABatchIsOf) {
  open("llama-dense", 2);
  Conversation tokens = prompted(some_tokens(3));
  ASSERT_EQ(tokens.infer(), DecodeStatus::ok);
  tokens.prompt(engine::Token{1});
  ASSERT_EQ(executor->infer(), DecodeStatus::ok);
  Conversation vectors = executor->create();
  const auto width = static_cast<std::size_t>(instance->model()->facts().n_embd_inp);
  vectors.prompt_embeddings(std::vector<float>(4 * width, 0.1F));
  int batches = 0;
  while (vectors.requires_inference() && batches < 5) {
    if (!tokens.requires_inference()) tokens.prompt(engine::Token{1});
    ASSERT_EQ(executor->infer(), DecodeStatus::ok);
    ++batches;
  }
  EXPECT_LE(batches, 2);
}

}  // namespace
}  // namespace plimsoll::run
