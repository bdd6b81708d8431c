#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "engine/context.hpp"

#include "arch_models.hpp"
#include "decode_door.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"

namespace plimsoll::engine {
namespace {

using test::arch_model;
using test::expect_error;
using test::load_on_cpu;
using test::logits_after;
using test::small_context;
using test::some_tokens;

const std::shared_ptr<Model>& llama() {
  static const std::shared_ptr<Model> model = load_on_cpu(arch_model("llama-dense"));
  return model;
}

TEST(ContextTest, TellsThePaddedSizes) {
  ContextParams params = small_context(3);
  params.n_ctx = 300;
  const auto context = Context::create(llama(), params);
  EXPECT_EQ(context->facts().n_ctx, 768U);
  EXPECT_EQ(context->facts().n_ctx_seq, 256U);
  EXPECT_EQ(context->facts().n_seq_max, 3U);
  EXPECT_EQ(context->facts().n_batch, 64U);
  EXPECT_EQ(context->facts().n_ubatch, 32U);
  EXPECT_TRUE(context->facts().has_memory);
}

TEST(ContextTest, TellsWhetherFlashAttentionIsOn) {
  ContextParams params = small_context();
  EXPECT_TRUE(Context::create(llama(), params)->facts().flash_attn);
  params.flash_attn = FlashAttention::off;
  EXPECT_FALSE(Context::create(llama(), params)->facts().flash_attn);
  params.flash_attn = FlashAttention::automatic;
  EXPECT_FALSE(Context::create(load_on_cpu(arch_model("grok-moe")), params)->facts().flash_attn);  // it cannot have it
}

// Of a lively model: with the engine's own test models the past hardly matters.
TEST(ContextTest, RopeParametersReachTheEngine) {
  const auto model = load_on_cpu(test::lively_model("llama-dense"));
  const auto last_logits = [&](const ContextParams& params) {
    const auto context = Context::create(model, params);
    Batch batch;
    batch.add_prompt(some_tokens(20), 0, 0);
    EXPECT_EQ(context->decode(batch), DecodeStatus::ok);
    const auto logits = context->logits(-1);
    return std::vector<float>(logits.begin(), logits.end());
  };
  const auto own = last_logits(small_context());
  const auto differ = [&](void (*change)(ContextParams&)) {
    ContextParams params = small_context();
    change(params);
    return last_logits(params) != own;
  };
  EXPECT_FALSE(differ([](ContextParams&) {}));
  EXPECT_TRUE(differ([](ContextParams& params) { params.rope_freq_base = 500; }));
  EXPECT_TRUE(differ([](ContextParams& params) { params.rope_freq_scale = 0.25F; }));
  EXPECT_TRUE(differ([](ContextParams& params) {
    params.rope_scaling = RopeScaling::yarn;
    params.rope_freq_scale = 0.25F;
    params.yarn_ext_factor = 1;
    params.yarn_orig_ctx = 64;
  }));
}

TEST(ContextTest, RopeParametersThatAreNoneAreRefused) {
  for (const float value : {-1.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    ContextParams params = small_context();
    params.rope_freq_scale = value;
    test::expect_error(ErrorCode::usage, "RoPE", [&] { validate(params); });
  }
  ContextParams params = small_context();
  params.yarn_beta_fast = std::numeric_limits<float>::quiet_NaN();
  test::expect_error(ErrorCode::usage, "YaRN", [&] { validate(params); });
}

// The engine looks at the stop between its nodes for as long as it was lent, and not longer.
TEST(ContextTest, ADecodeThatThrowsIsAFailureAndLeavesNoStopBehind) {
  const auto context = Context::create(llama(), small_context());
  Batch batch;
  batch.add_prompt(some_tokens(5), 0, 0, true);
  std::stop_source stop;
  {
    const test::DecodeDoor door([](llama_context*, llama_batch) -> std::int32_t { throw std::runtime_error("gone"); });
    EXPECT_EQ(context->decode(batch, stop.get_token()), DecodeStatus::failed);
    EXPECT_EQ(context->decode(batch), DecodeStatus::failed);
  }
  {
    const test::DecodeDoor door([](llama_context*, llama_batch) -> std::int32_t { throw std::bad_alloc(); });
    EXPECT_EQ(context->decode(batch, stop.get_token()), DecodeStatus::out_of_memory);
  }
  stop.request_stop();
  EXPECT_EQ(context->decode(batch), DecodeStatus::ok);
}

TEST(ContextTest, WithoutASizeTakesTheSmallerOfTheModelsAndFourThousand) {
  ModelFacts facts;
  facts.n_ctx_train = 100;
  EXPECT_EQ(to_engine({}, facts).n_ctx, 100U);
  facts.n_ctx_train = 131072;
  EXPECT_EQ(to_engine({}, facts).n_ctx, 4096U);
  ContextParams models_own;
  models_own.n_ctx = 0;
  EXPECT_EQ(to_engine(models_own, facts).n_ctx, 0U);  // the engine's word for it
}

TEST(ContextTest, TheEngineIsToldOfTheRowsThatAreAskedForAndNoMore) {
  ModelFacts facts;
  facts.n_ctx_train = 4096;
  ContextParams params = small_context(3);
  EXPECT_EQ(to_engine(params, facts).n_outputs_max, 3U);
  params.n_outputs_max = 24;
  EXPECT_EQ(to_engine(params, facts).n_outputs_max, 24U);
  params.n_outputs_max = 1000;
  EXPECT_EQ(to_engine(params, facts).n_outputs_max, params.n_batch) << "a batch has no more tokens";
  facts.has_encoder = true;
  EXPECT_EQ(to_engine(params, facts).n_outputs_max, 0U) << "all that it encodes";
  facts.has_encoder = false;
  params.embeddings = true;
  EXPECT_EQ(to_engine(params, facts).n_outputs_max, 0U) << "every token";

  EXPECT_EQ(Context::create(llama(), small_context(3))->facts().n_outputs_max, 3U);
  params.n_outputs_max = 4;
  params.n_ubatch = 30;  // whole rows of three sequences
  EXPECT_EQ(Context::create(llama(), params)->facts().n_outputs_max, params.n_batch);
}

TEST(ContextTest, RefusesParametersThatContradictThemselves) {
  const auto refused = [&](ErrorCode code, const std::string& words, auto change) {
    ContextParams params = small_context();
    change(params);
    expect_error(code, words, [&] { (void)Context::create(llama(), params); });
  };
  const auto usage = ErrorCode::usage;
  refused(usage, "batch size cannot be 0", [](ContextParams& p) { p.n_batch = 0; });
  refused(usage, "micro-batch size cannot be 0", [](ContextParams& p) { p.n_ubatch = 0; });
  refused(usage, "cannot be larger than the batch", [](ContextParams& p) { p.n_ubatch = 65; });
  refused(usage, "at least one sequence", [](ContextParams& p) { p.n_seq_max = 0; });
  refused(usage, "sequences at most", [](ContextParams& p) { p.n_seq_max = 1000; });
  refused(usage, "negative", [](ContextParams& p) { p.n_threads = -1; });
  refused(usage, "more than any model has", [](ContextParams& p) { p.n_ctx = ~0U; });
  refused(usage, "needs flash attention", [](ContextParams& p) {
    p.type_v = CacheType::q8_0;
    p.flash_attn = FlashAttention::off;
  });
  refused(usage, "not a type for a cache", [](ContextParams& p) { p.type_k = static_cast<CacheType>(GGML_TYPE_Q2_K); });
  refused(usage, "not a type for a cache", [](ContextParams& p) { p.type_v = static_cast<CacheType>(GGML_TYPE_I32); });
  refused(usage, "not a type for a cache", [](ContextParams& p) { p.type_k = static_cast<CacheType>(GGML_TYPE_COUNT); });
}

TEST(ContextTest, SaysThatHeadsDoNotFitACacheType) {
  ContextParams params = small_context();
  params.type_k = params.type_v = CacheType::q8_0;
  expect_error(ErrorCode::usage, "heads of 80",
               [&] { (void)Context::create(load_on_cpu(arch_model("laguna-moe")), params); });
}

TEST(ContextTest, SaysThatAModelCannotHaveAQuantisedCache) {
  ContextParams params = small_context();
  params.type_k = params.type_v = CacheType::q8_0;
  expect_error(ErrorCode::unsupported, "flash_attn",
               [&] { (void)Context::create(load_on_cpu(arch_model("grok-moe")), params); });
}

TEST(ContextTest, RefusesBatchesThatTheEngineWouldEndTheProcessFor) {
  ContextParams params = small_context(2);
  params.n_outputs_max = 4;
  const auto context = Context::create(llama(), params);
  const auto refused = [&](const std::string& words, auto fill) {
    Batch batch;
    fill(batch);
    expect_error(ErrorCode::usage, words, [&] { (void)context->decode(batch); });
  };
  refused("empty", [](Batch&) {});
  refused("65 tokens", [](Batch& b) {
    for (int i = 0; i < 65; ++i) b.add(1, i, 0, i == 64);
  });
  refused("unknown token", [](Batch& b) { b.add(-1, 0, 0, true); });
  refused("unknown token", [](Batch& b) { b.add(128, 0, 0, true); });
  refused("no sequence 2", [](Batch& b) { b.add(1, 0, 2, true); });
  refused("no sequence -1", [](Batch& b) { b.add(1, 0, -1, true); });
  refused("position", [](Batch& b) { b.add(1, -1, 0, true); });
  refused("8 rows of logits", [](Batch& b) {
    for (int i = 0; i < 8; ++i) b.add(1, i, 0, true);
  });
  EXPECT_EQ(context->last_position(0), -1);
  EXPECT_FALSE(logits_after(*context, {1, 2, 3}).empty());  // it still works
}

TEST(ContextTest, AModelThatSeesAllTokensAtOnceNeedsThemInOneMicroBatch) {
  const auto context = Context::create(load_on_cpu(arch_model("llada-dense")), small_context());
  EXPECT_FALSE(context->facts().has_memory);
  EXPECT_FALSE(logits_after(*context, some_tokens(32)).empty());
  Batch batch;
  batch.add_prompt(some_tokens(33), 0, 0);
  expect_error(ErrorCode::usage, "sees all tokens at once", [&] { (void)context->decode(batch); });
}

TEST(ContextTest, AnswersThatNoSlotIsLeft) {
  const auto context = Context::create(llama(), small_context());
  for (int i = 0; i < 4; ++i) (void)logits_after(*context, some_tokens(64));
  Batch one_more;
  one_more.add(1, 256, 0, true);
  EXPECT_EQ(context->decode(one_more), DecodeStatus::no_kv_slot);
  EXPECT_EQ(context->last_position(0), 255);
}

TEST(ContextTest, AnswersThatPositionsDoNotFollow) {
  const auto context = Context::create(llama(), small_context());
  (void)logits_after(*context, {1, 2, 3});
  Batch batch;
  batch.add(1, 1, 0, true);  // already there
  EXPECT_EQ(context->decode(batch), DecodeStatus::failed);
  EXPECT_EQ(context->last_position(0), 2);
}

TEST(ContextTest, GivesLogitsOnlyWhereTheyWereAskedFor) {
  const auto context = Context::create(llama(), small_context());
  expect_error(ErrorCode::usage, "asked for no logits", [&] { (void)context->logits(0); });
  (void)logits_after(*context, {1, 2, 3});
  EXPECT_EQ(context->logits(2).size(), 128U);
  EXPECT_EQ(context->logits(-1).data(), context->logits(2).data());
  for (const int index : {0, 1, 3, -2, 1 << 30, -(1 << 30)}) {
    expect_error(ErrorCode::usage, "asked for no logits", [&] { (void)context->logits(index); });
  }
}

TEST(ContextTest, PiecesOfAPromptGiveTheSameLogits) {
  const auto whole = Context::create(llama(), small_context());
  const auto pieces = Context::create(llama(), small_context());
  const std::vector<llama_token> tokens = some_tokens(60);
  const std::vector<float> expected = logits_after(*whole, tokens);
  for (const llama_token token : std::span(tokens).first(59)) (void)logits_after(*pieces, {token});
  const std::vector<float> logits = logits_after(*pieces, {tokens.back()});
  for (std::size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(logits[i], expected[i], 1e-3) << i;
}

TEST(ContextTest, AStopRequestedBeforeLeavesEverythingAsItWas) {
  const auto context = Context::create(llama(), small_context());
  Batch batch;
  batch.add_prompt(some_tokens(64), 0, 0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(context->decode(batch, stop.get_token()), DecodeStatus::aborted);
  EXPECT_EQ(context->last_position(0), -1);
  EXPECT_EQ(context->decode(batch), DecodeStatus::ok);
}

TEST(ContextTest, AStopOnAnotherThreadLeavesWholeMicroBatchesAndResumesExactly) {
  ContextParams params = small_context();
  params.n_ctx = 8192;
  params.n_batch = 8192;
  params.n_ubatch = 32;
  const auto context = Context::create(llama(), params);
  Batch batch;
  batch.add_prompt(some_tokens(8000), 0, 0);
  std::stop_source stop;
  std::jthread stopper([&] {
    while (context->graph_counts().reused == 0) std::this_thread::yield();  // it is past its first micro-batches
    stop.request_stop();
  });
  EXPECT_EQ(context->decode(batch, stop.get_token()), DecodeStatus::aborted);
  const Position reached = context->last_position(0);
  EXPECT_LT(reached, 7999);
  EXPECT_EQ((reached + 1) % 32, 0) << "a whole number of micro-batches";

  const auto fresh = Context::create(llama(), params);
  const std::size_t kept = static_cast<std::size_t>(reached) + 1;
  std::vector<llama_token> tokens = some_tokens(kept);
  if (!tokens.empty()) (void)logits_after(*fresh, tokens);
  EXPECT_EQ(logits_after(*context, {5}), logits_after(*fresh, {5}));
}

TEST(ContextTest, CountsGraphsThatAreUsedAgain) {
  const auto context = Context::create(llama(), small_context());
  for (int i = 0; i < 5; ++i) (void)logits_after(*context, {1});
  EXPECT_GT(context->graph_counts().reused, 0);
  EXPECT_EQ(context->graph_counts().reallocations, 0);
}

}  // namespace
}  // namespace plimsoll::engine
