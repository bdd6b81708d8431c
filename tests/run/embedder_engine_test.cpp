#include "run/embedder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <stop_token>
#include <thread>
#include <tuple>

#include <plimsoll/base/error.hpp>

#include "arch_models.hpp"
#include "embedding_models.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_bert.hpp"

namespace plimsoll::run {
namespace {

using test::distance;
using test::embedding_request;
using test::expect_error;
using test::ready;
using test::some_inputs;

// What rounding does to a number of a vector of length 1 when its neighbours in the batch change.
constexpr double kTolerance = 2e-5;

constexpr auto kNone = engine::Pooling::none;
constexpr auto kMean = engine::Pooling::mean;
constexpr auto kCls = engine::Pooling::cls;
constexpr auto kLast = engine::Pooling::last;

// The two encoders are written by the test, the others by the engine's own test suite.
std::string model_path(const std::string& name) {
  static const test::TemporaryFolder folder;
  if (name != "bert" && name != "nomic-bert") return test::arch_model(name);
  return folder.write(name + ".gguf", test::tiny_bert({.architecture = name}).bytes());
}

bool same(const std::vector<Embedding>& a, const std::vector<Embedding>& b) {
  return std::ranges::equal(a, b, {}, &Embedding::values, &Embedding::values);
}

class EveryKind : public testing::TestWithParam<std::tuple<std::string, engine::Pooling>> {
 protected:
  plan::Request request(std::uint32_t sequences = 4) const {
    return embedding_request(model_path(std::get<0>(GetParam())), std::get<1>(GetParam()), sequences);
  }
  bool pooled() const { return std::get<1>(GetParam()) != kNone; }
  MemoryAccounting accounting_;
};

TEST_P(EveryKind, GivesVectorsOfLengthOneTheSameEveryTime) {
  const auto instance = ready(accounting_, request());
  Embedder embedder(*instance);
  const auto inputs = some_inputs(9);
  const auto embeddings = embedder.embed(inputs);
  ASSERT_EQ(embeddings.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(embeddings[i].rows(), pooled() ? 1 : inputs[i].size()) << i;
    for (std::size_t row = 0; row < embeddings[i].rows(); ++row) {
      EXPECT_EQ(embeddings[i].row(row).size(), embedder.width());
      EXPECT_NEAR(test::length(embeddings[i].row(row)), 1.0, 1e-5);
    }
  }
  EXPECT_GT(distance(embeddings[1].row(0), embeddings[2].row(0)), 1e-3) << "different inputs, one vector";
  EXPECT_TRUE(same(embedder.embed(inputs), embeddings));
}

TEST_P(EveryKind, DoesNotDependOnItsNeighbours) {
  const auto inputs = some_inputs(9);
  std::vector<Embedding> alone;
  {
    const auto instance = ready(accounting_, request(1));
    Embedder embedder(*instance);
    for (const auto& input : inputs) alone.push_back(embedder.embed(std::span(&input, 1)).front());
  }
  const auto instance = ready(accounting_, request(4));
  const auto together = Embedder(*instance).embed(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    EXPECT_LT(distance(together[i].values, alone[i].values), kTolerance) << i;
}

TEST_P(EveryKind, TakesWhatWasPlannedAndNothingAfterTheSeal) {
  const plan::Plan plan = test::plan_of(request());
  const auto instance = test::reserve(accounting_, plan);
  OpenOptions options;
  options.warm_up.depth = WarmUpDepth::quick;
  make_ready(*instance, options, nullptr);
  (void)Embedder(*instance).embed(some_inputs(23));
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  EXPECT_EQ(instance->seal_counts().refused_after_seal, 0U);
  EXPECT_EQ(instance->graph_reallocations(), 0);

  EXPECT_EQ(test::planned_places(instance->snapshot()), test::planned_places(plan.models.front().entries));
}

std::string name_of(const testing::TestParamInfo<EveryKind::ParamType>& info) {
  std::string name = std::get<0>(info.param) + "_" + std::string(engine::to_string(std::get<1>(info.param)));
  std::ranges::replace(name, '-', '_');
  return name;
}

// Encoders, attention, a sliding window, recurrent and hybrid memory, and a decoder whose tokens all see each other.
INSTANTIATE_TEST_SUITE_P(EmbedderTest, EveryKind,
                         testing::Combine(testing::Values("bert", "nomic-bert", "llama-dense", "qwen3-dense",
                                                          "gemma3-dense", "mamba-dense", "jamba-dense", "dream-dense"),
                                          testing::Values(kNone, kMean, kCls, kLast)),
                         name_of);

TEST(EmbedderTest, UnspecifiedPoolingIsTheModelsOwn) {
  const test::TemporaryFolder folder;
  MemoryAccounting accounting;
  for (const auto& [number, pooling] : {std::pair(1U, kMean), std::pair(2U, kCls)}) {
    const auto path = folder.write("own.gguf", test::tiny_bert({.pooling = number}).bytes());
    const auto instance = ready(accounting, embedding_request(path, engine::Pooling::unspecified));
    EXPECT_EQ(Embedder(*instance).pooling(), pooling);
  }
}

TEST(EmbedderTest, AVectorsLengthIsKeptWhereThatIsAsked) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, embedding_request(model_path("bert"), kMean));
  Embedder embedder(*instance);
  const auto inputs = some_inputs(2);
  const auto raw = embedder.embed(inputs, {.normalisation = Normalisation::none});
  const auto scaled = embedder.embed(inputs);
  const double length = test::length(raw[0].row(0));
  EXPECT_GT(std::abs(length - 1), 1e-3);
  EXPECT_NEAR(raw[0].row(0)[3] / length, scaled[0].row(0)[3], 1e-6);
}

// The mean of the tokens' own vectors, computed here.
TEST(EmbedderTest, PoolingMeanIsTheMeanOfWhatPoolingNoneGives) {
  MemoryAccounting accounting;
  const auto inputs = some_inputs(3);
  const EmbedParams raw{.normalisation = Normalisation::none};
  std::vector<Embedding> tokens;
  {
    const auto instance = ready(accounting, embedding_request(model_path("qwen3-dense"), kNone));
    tokens = Embedder(*instance).embed(inputs, raw);
  }
  const auto instance = ready(accounting, embedding_request(model_path("qwen3-dense"), kMean));
  const auto means = Embedder(*instance).embed(inputs, raw);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<float> mean(tokens[i].width);
    for (std::size_t row = 0; row < tokens[i].rows(); ++row) {
      for (std::size_t k = 0; k < mean.size(); ++k)
        mean[k] += tokens[i].row(row)[k] / static_cast<float>(tokens[i].rows());
    }
    EXPECT_LT(distance(mean, means[i].values), 1e-4) << i;
  }
}

TEST(EmbedderTest, TextGoesThroughTheModelsOwnVocabulary) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, embedding_request(model_path("bert"), kMean));
  Embedder embedder(*instance);
  const Embedding text = embedder.embed("cat cab");
  EXPECT_EQ(text.tokens, 8U);  // [CLS] c a t c a b [SEP]
  const std::vector<std::vector<engine::Token>> ids{instance->model()->vocab().tokenize("cat cab", true, true)};
  EXPECT_EQ(ids[0].front(), 2);
  EXPECT_EQ(ids[0].back(), 3);
  EXPECT_EQ(embedder.embed(ids)[0].values, text.values);
  EXPECT_EQ(embedder.embed("").tokens, 2U);
}

TEST(EmbedderTest, AnInputThatDoesNotFitIsRefusedByNameBeforeAnythingIsComputed) {
  MemoryAccounting accounting;
  for (const auto& [model, pooling] : {std::pair("bert", kMean), std::pair("llama-dense", kMean),
                                       std::pair("mamba-dense", kCls), std::pair("dream-dense", kLast)}) {
    SCOPED_TRACE(model);
    const auto instance = ready(accounting, embedding_request(model_path(model), pooling));
    Embedder embedder(*instance);
    EXPECT_EQ(embedder.longest_input(), 64U);
    std::size_t batches = 0;
    auto inputs = some_inputs(2);
    inputs.emplace_back(65, 7);
    try {
      (void)embedder.embed(inputs, {.progress = [&](std::size_t, std::size_t) { ++batches; }});
      ADD_FAILURE() << "65 tokens were taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::context_overflow) << error.what();
      EXPECT_THAT(error.numbers(),
                  testing::ElementsAre(std::pair("needed", 65U), std::pair("available", 64U), std::pair("input", 2U)));
    }
    EXPECT_EQ(batches, 0U);
    inputs.back().resize(64);
    EXPECT_EQ(embedder.embed(inputs).size(), 3U);
  }
}

// Several calls for one input: the same vector as a context whose micro-batch holds it whole.
TEST(EmbedderTest, ALongInputOfACausalModelGoesThroughInPieces) {
  MemoryAccounting accounting;
  for (const char* model : {"llama-dense", "qwen3-dense", "mamba-dense", "jamba-dense", "gemma3-dense"}) {
    for (const auto pooling : {kLast, kNone}) {
      SCOPED_TRACE(std::string(model) + " " + std::string(engine::to_string(pooling)));
      auto inputs = some_inputs(3);
      inputs[1].assign(200, 9);
      for (std::size_t i = 0; i < 200; ++i) inputs[1][i] += static_cast<engine::Token>(i % 50);
      std::vector<Embedding> whole;
      {
        plan::Request request = embedding_request(model_path(model), pooling);
        request.dry_run.context.n_ubatch = request.dry_run.context.n_batch = 256;
        const auto instance = ready(accounting, request);
        whole = Embedder(*instance).embed(inputs);
      }
      const auto instance = ready(accounting, embedding_request(model_path(model), pooling));
      Embedder embedder(*instance);
      EXPECT_EQ(embedder.longest_input(), 256U);
      const auto pieces = embedder.embed(inputs);
      // Kernels for other batch sizes round elsewhere, and random weights carry that far (seen: 4e-4).
      for (std::size_t i = 0; i < 3; ++i) EXPECT_LT(distance(pieces[i].values, whole[i].values), 2e-3) << i;
      EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
      EXPECT_EQ(instance->graph_reallocations(), 0);
    }
  }
}

// The engine ends the process for a micro-batch of whole sequences' vectors that is no multiple of the sequences.
TEST(EmbedderTest, AnyNumberOfSequencesIsOpenedAndEmbeds) {
  for (std::uint32_t sequences = 1; sequences <= 17; ++sequences) {
    SCOPED_TRACE(sequences);
    MemoryAccounting accounting;
    const plan::Request request = embedding_request(model_path("bert"), kMean, sequences);
    EXPECT_EQ(request.dry_run.context.n_ubatch % sequences, 0U);
    const auto instance = ready(accounting, request);
    EXPECT_EQ(Embedder(*instance).embed(some_inputs(5)).size(), 5U);
  }
}

// A cache for each sequence: the engine would cut unequal sequences, so they go through one at a time, and right.
TEST(EmbedderTest, SequencesWithCachesOfTheirOwnGiveTheSameVectors) {
  MemoryAccounting accounting;
  const auto inputs = some_inputs(5);
  for (const auto pooling : {kMean, kCls, kLast, kNone}) {
    std::vector<Embedding> shared;
    {
      const auto instance = ready(accounting, embedding_request(model_path("llama-dense"), pooling));
      shared = Embedder(*instance).embed(inputs);
    }
    plan::Request request = embedding_request(model_path("llama-dense"), pooling);
    request.dry_run.context.kv_unified = false;
    const auto instance = ready(accounting, request);
    const auto apart = Embedder(*instance).embed(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i)
      EXPECT_LT(distance(apart[i].values, shared[i].values), kTolerance) << i;
  }
}

TEST(EmbedderTest, CancellationIsHeardBetweenBatchesAndTheInstanceStaysUsable) {
  MemoryAccounting accounting;
  for (const char* model : {"bert", "llama-dense", "jamba-dense"}) {
    SCOPED_TRACE(model);
    const auto instance = ready(accounting, embedding_request(model_path(model), kMean));
    Embedder embedder(*instance);
    const auto inputs = some_inputs(20);
    const auto before = embedder.embed(inputs);
    std::stop_source source;
    std::size_t batches = 0;
    expect_error(ErrorCode::cancelled, "cancelled", [&] {
      (void)embedder.embed(inputs, {.stop = source.get_token(), .progress = [&](std::size_t, std::size_t) {
                                      if (++batches == 2) source.request_stop();
                                    }});
    });
    EXPECT_EQ(batches, 2U);
    EXPECT_TRUE(same(embedder.embed(inputs), before));
  }
}

TEST(EmbedderTest, AFailureLeavesTheInstanceUsableAndItsMemoryEmpty) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, embedding_request(model_path("llama-dense"), kLast));
  Embedder embedder(*instance);
  const auto inputs = some_inputs(4);
  const auto before = embedder.embed(inputs);
  expect_error(ErrorCode::usage, "no token",
               [&] { (void)embedder.embed(std::vector<std::vector<engine::Token>>{{}}); });
  expect_error(ErrorCode::usage, "unknown token",
               [&] { (void)embedder.embed(std::vector<std::vector<engine::Token>>{{5}, {1 << 30}}); });
  for (engine::SequenceId sequence = 0; sequence < 4; ++sequence)
    EXPECT_EQ(instance->context().last_position(sequence), -1);
  EXPECT_TRUE(same(embedder.embed(inputs), before));
}

TEST(EmbedderTest, RefusesAContextThatWasNotPlannedForIt) {
  MemoryAccounting accounting;
  const auto generates = ready(accounting, test::small_request("llama-dense", "CPU"));
  expect_error(ErrorCode::usage, "generating", [&] { Embedder embedder(*generates); });
  expect_error(ErrorCode::usage, "not made for embeddings", [&] { (void)generates->context().sequence_embeddings(0); });
  expect_error(ErrorCode::usage, "not made for embeddings", [&] { (void)generates->context().embeddings(0); });
}

TEST(EmbedderTest, GettersRefuseWhatThePoolingDoesNotGive) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, embedding_request(model_path("llama-dense"), kMean));
  (void)Embedder(*instance).embed(some_inputs(1));
  expect_error(ErrorCode::usage, "each sequence", [&] { (void)instance->context().embeddings(0); });
  expect_error(ErrorCode::usage, "was not in the last batch",
               [&] { (void)instance->context().sequence_embeddings(3); });
  expect_error(ErrorCode::usage, "no sequence 9", [&] { (void)instance->context().sequence_embeddings(9); });
}

// With a causal model's own attention a token's vector does not know what follows; where every token sees all, it does.
TEST(EmbedderTest, AttentionSaysWhatATokenSees) {
  MemoryAccounting accounting;
  const auto first_vector = [&](engine::Attention attention, const std::vector<engine::Token>& input) {
    plan::Request request = embedding_request(model_path("llama-dense"), kNone, 1);
    request.dry_run.context.attention = attention;
    const auto instance = ready(accounting, request);
    EXPECT_EQ(instance->context().facts(), instance->plan().dry_run.context);
    EXPECT_EQ(instance->context().facts().is_causal, attention != engine::Attention::non_causal);
    Embedder embedder(*instance);
    EXPECT_EQ(embedder.longest_input(), attention == engine::Attention::non_causal ? 64U : 256U);
    std::vector<float> values = embedder.embed(std::span<const std::vector<engine::Token>>(&input, 1)).front().values;
    values.resize(embedder.width());
    return values;
  };
  const std::vector<engine::Token> one{1, 2, 3, 4};
  const std::vector<engine::Token> other{1, 9, 8, 7};
  for (const engine::Attention attention : {engine::Attention::unspecified, engine::Attention::causal})
    EXPECT_LT(distance(first_vector(attention, one), first_vector(attention, other)), kTolerance);
  EXPECT_GT(
      distance(first_vector(engine::Attention::non_causal, one), first_vector(engine::Attention::non_causal, other)),
      10 * kTolerance);
}

// Who looks whether a batch comes back (worker::Watchdog) sees those of vectors, too.
TEST(EmbedderTest, ItsBatchesAreTimed) {
  MemoryAccounting accounting;
  const auto instance = ready(accounting, embedding_request(model_path("llama-dense"), kMean, 1));
  Embedder embedder(*instance);
  std::atomic<bool> is_seen = false;
  const std::jthread looks([&](const std::stop_token& stop) {
    while (!is_seen && !stop.stop_requested()) is_seen = instance->loop()->decoding_for().has_value();
  });
  while (!is_seen) (void)embedder.embed(some_inputs(4));
  EXPECT_FALSE(instance->loop()->decoding_for());
}

TEST(EmbedderTest, AttentionIsOfVectorsAlone) {
  engine::ContextParams context;
  context.attention = engine::Attention::causal;
  expect_error(ErrorCode::usage, "embeddings alone", [&] { engine::validate(context); });
  context.embeddings = true;
  engine::validate(context);
  context.attention = engine::Attention::non_causal;
  expect_error(ErrorCode::usage, "at once", [&] { engine::validate(context); });
  context.n_batch = context.n_ubatch;
  engine::validate(context);
}

}  // namespace
}  // namespace plimsoll::run
