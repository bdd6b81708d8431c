// Positions that are moved after the seal: within the plan where that was asked for, not at all where it was not.
#include <gtest/gtest.h>

#include "memory/seal.hpp"
#include "run/batched_executor.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"

#include "conversation_model.hpp"
#include "decoding.hpp"
#include "driven_context.hpp"
#include "expect_error.hpp"
#include "fault_injector.hpp"
#include "small_models.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::run {
namespace {

using engine::DecodeStatus;
using test::expect_error;
using test::some_tokens;

// A context so large, beside micro-batches so small, that to move a quantised cache takes more than any prompt.
plan::Request long_request(const std::string& model, engine::CacheType keys, bool shifts) {
  plan::Request request = test::lively_request(model, 2);
  engine::ContextParams& context = request.dry_run.context;
  context.flash_attn = engine::FlashAttention::automatic;
  context.n_ctx = 2 * 4096;
  context.n_batch = context.n_ubatch = 16;
  context.type_k = keys;
  context.context_shift = shifts;
  return request;
}

Bytes compute_of(const std::vector<plan::Entry>& entries) {
  Bytes sum;
  for (const plan::Entry& entry : entries) {
    if (entry.stage == memory::Stage::compute) sum += entry.bytes;
  }
  return sum;
}
Bytes planned(const plan::Request& request) { return compute_of(test::plan_of(request).models.front().entries); }

class ShiftsTest : public testing::Test {
 protected:
  void open(const plan::Request& request) {
    executor.reset();
    instance.reset();
    instance = test::ready(accounting, request);
    executor.emplace(*instance);
  }
  Conversation prompted(std::size_t tokens) {
    Conversation conversation = executor->create();
    conversation.prompt(some_tokens(tokens));
    while (conversation.requires_inference()) EXPECT_EQ(conversation.infer(), DecodeStatus::ok);
    return conversation;
  }
  void expect_nothing_taken() {
    const memory::SealCounts counts = instance->seal_counts();
    EXPECT_EQ(counts.allocations_after_seal, 0U);
    EXPECT_EQ(counts.refused_after_seal, 0U);
    expect_compute_buffers_as_planned();
  }
  void expect_compute_buffers_as_planned() {
    EXPECT_EQ(compute_of(instance->snapshot()), compute_of(instance->plan().entries));
  }

  MemoryAccounting accounting;
  std::unique_ptr<Instance> instance;
  std::optional<BatchedExecutor> executor;
};

TEST_F(ShiftsTest, OfAQuantisedCacheArePlannedWhereTheyAreAskedFor) {
  for (const char* model : {"llama-dense", "gemma3-dense"}) {
    plan::Request request = long_request(model, engine::CacheType::q8_0, true);
    request.dry_run.context.swa_full = true;  // caches of two sizes cannot be moved
    plan::Request without = request;
    without.dry_run.context.context_shift = false;
    open(request);
    EXPECT_TRUE(instance->plan().dry_run.shift_takes_more) << model;
    EXPECT_GT(compute_of(instance->plan().entries), planned(without)) << model;
    expect_compute_buffers_as_planned();
    Conversation one = prompted(60);
    ASSERT_TRUE(one.shift_left(10, 4)) << model;
    one.prompt(engine::Token{3});
    ASSERT_EQ(one.infer(), DecodeStatus::ok);
    EXPECT_EQ(one.next_position(), 51);
    expect_nothing_taken();
  }
}

TEST_F(ShiftsTest, OfAQuantisedCacheAreNotThereWhereNobodyAskedForThem) {
  open(long_request("llama-dense", engine::CacheType::q8_0, false));
  EXPECT_FALSE(instance->context().can_shift());
  Conversation one = prompted(60);
  EXPECT_FALSE(one.shift_left(10, 4));
  EXPECT_EQ(one.size(), 60U);
  expect_error(ErrorCode::unsupported, "plan it with context_shift",
               [&] { one.modify([](Conversation::MemoryEdit& edit) { edit.add(0, -1, 3); }); });
  expect_error(ErrorCode::unsupported, "plan it with context_shift",
               [&] { one.modify([](Conversation::MemoryEdit& edit) { edit.divide(0, -1, 2); }); });
  one.prompt(engine::Token{3});
  EXPECT_EQ(one.infer(), DecodeStatus::ok);
  expect_nothing_taken();
}

TEST_F(ShiftsTest, OfPlainNumbersTakeNothing) {
  open(long_request("llama-dense", engine::CacheType::f16, false));
  EXPECT_TRUE(instance->context().can_shift());
  EXPECT_EQ(compute_of(instance->plan().entries), planned(long_request("llama-dense", engine::CacheType::f16, true)));
  Conversation one = prompted(60);
  EXPECT_TRUE(one.shift_left(10, 4));
  one.prompt(engine::Token{3});
  EXPECT_EQ(one.infer(), DecodeStatus::ok);
  expect_nothing_taken();
}

// With other graphs the engine gives its compute buffers back, and takes what a move needs when it is met again.
class ShiftsWithOtherGraphsTest : public ShiftsTest {
 protected:
  // A token waits behind a move, and the graphs are others than those of the warm-up.
  Conversation moved() {
    plan::Request request = long_request("llama-dense", engine::CacheType::q8_0, true);
    const test::TinyGguf lora = test::tiny_lora("llama", {.layers = 2, .width_in = 256, .width_out = 256, .rank = 4});
    request.dry_run.adapters = {{.path = folder.write("a.gguf", lora.bytes()), .scale = 1}};
    open(request);
    Conversation one = prompted(60);
    instance->set_adapter_scales(std::vector<float>{0});
    one.prompt(engine::Token{3});
    EXPECT_EQ(one.infer(), DecodeStatus::ok);
    EXPECT_TRUE(one.shift_left(10, 4));
    one.prompt(engine::Token{3});
    return one;
  }
  test::TemporaryFolder folder;
};

TEST_F(ShiftsWithOtherGraphsTest, AreNoViolation) {
  Conversation one = moved();
  ASSERT_EQ(one.infer(), DecodeStatus::ok);
  expect_nothing_taken();
}

// The engine decodes on with keys that were not moved: such an answer is none.
TEST_F(ShiftsWithOtherGraphsTest, ThatGetNoMemoryAreAFailure) {
  test::FaultInjector faults(accounting.tracker());
  Conversation one = moved();
  faults.refuse_nth(0);
  EXPECT_EQ(one.infer(), DecodeStatus::out_of_memory);
  EXPECT_TRUE(instance->last_refusal());
}

class SealedTest : public testing::TestWithParam<const char*> {};

// Whatever a session can make of it.
TEST_P(SealedTest, ADrivenContextTakesNothing) {
  MemoryAccounting accounting;
  for (const bool shifts : {true, false}) {
    plan::Request request = long_request(GetParam(), engine::CacheType::q8_0, shifts);
    request.dry_run.context.n_ctx = 2 * 1024;
    request.dry_run.context.n_outputs_max = 16;
    const auto instance = test::ready(accounting, request);
    instance->on_loop([&] {
      const tracker::Scope scope(instance->name(), tracker::Phase::decode);
      std::uint64_t before = 0;
      test::drive(instance->context(), [&](std::string_view step) {
        const std::uint64_t now = instance->seal_counts().allocations_after_seal;
        EXPECT_EQ(now, before) << step;
        before = now;
      });
    });
    EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
    EXPECT_EQ(compute_of(instance->snapshot()), compute_of(instance->plan().entries));
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, SealedTest,
                         testing::Values("llama-dense", "gemma3-dense", "jamba-dense", "mamba-dense"),
                         [](const auto& model) {
                           std::string name = model.param;
                           return name.substr(0, name.find('-'));
                         });

}  // namespace
}  // namespace plimsoll::run
