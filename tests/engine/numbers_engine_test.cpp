// Whatever numbers a caller names: a context is made and works, or a sentence says what is wrong. Where the engine
// would end the process instead, these tests do not come back.
#include <gtest/gtest.h>

#include <array>

#include <fmt/format.h>

#include <plimsoll/base/error.hpp>
#include "engine/context.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_bert.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;

constexpr std::array kPoolings{Pooling::unspecified, Pooling::none, Pooling::mean,
                               Pooling::cls,         Pooling::last, Pooling::rank};

// As many tokens of each sequence as one micro-batch takes, and of one sequence alone.
void use(Context& context) {
  const ContextFacts& facts = context.facts();
  const std::uint32_t each = std::min(facts.n_ubatch, facts.n_batch) / facts.n_seq_max;
  Batch all;
  for (std::uint32_t sequence = 0; sequence < facts.n_seq_max; ++sequence) {
    for (std::uint32_t i = 0; i < each; ++i)
      all.add(5, static_cast<Position>(i), static_cast<SequenceId>(sequence), i + 1 == each);
  }
  if (all.size() > 0) {
    EXPECT_EQ(context.decode(all), DecodeStatus::ok);
  }
  context.clear();
  Batch one;
  one.add(5, 0, 0, true);
  EXPECT_EQ(context.decode(one), DecodeStatus::ok);
}

// True where a context was made.
bool try_numbers(const std::shared_ptr<Model>& model, const ContextParams& params) {
  std::unique_ptr<Context> context;
  try {
    context = Context::create(model, params);
  } catch (const Error& error) {
    const bool expected = error.code() == ErrorCode::usage || error.code() == ErrorCode::unsupported;
    EXPECT_TRUE(expected) << to_string(error.code()) << ": " << error.what();
    return false;
  }
  use(*context);
  return true;
}

struct Kind {
  const char* name;
  std::string path;
};

class NumbersTest : public testing::Test {
 protected:
  static std::vector<Kind> kinds() {
    static const test::TemporaryFolder folder;
    static const std::string bert = folder.write("bert.gguf", test::tiny_bert({.classes = 1}).bytes());
    return {{"an encoder", bert},
            {"causal", test::arch_model("llama-dense")},
            {"diffusion", test::arch_model("llada-dense")},
            {"recurrent", test::arch_model("mamba-dense")}};
  }
};

TEST_F(NumbersTest, EveryPoolingOfSequencesAndMicroBatches) {
  for (const Kind& kind : kinds()) {
    const auto model = test::load_on_cpu(kind.path);
    int made = 0;
    for (const auto pooling : kPoolings) {
      for (std::uint32_t sequences = 1; sequences <= 17; ++sequences) {
        for (const std::uint32_t micro_batch : {1U, 2U, 5U, 16U, 17U, 31U, 64U, 512U}) {
          SCOPED_TRACE(fmt::format("{}: pooling {}, {} sequences, micro-batch {}", kind.name, to_string(pooling),
                                   sequences, micro_batch));
          ContextParams params = test::small_context(sequences);
          params.n_ctx = 512;
          params.kv_unified = true;
          params.embeddings = true;
          params.pooling = pooling;
          params.n_ubatch = params.n_batch = micro_batch;
          if (try_numbers(model, params)) ++made;
        }
      }
    }
    EXPECT_GT(made, 0) << kind.name;
  }
}

TEST_F(NumbersTest, EveryBatchAndContextBesideTheSequences) {
  for (const Kind& kind : kinds()) {
    const auto model = test::load_on_cpu(kind.path);
    for (const std::uint32_t sequences : {1U, 2U, 7U, 8U, 17U}) {
      for (const std::uint32_t n_ctx : {1U, 2U, 7U, 8U, 9U, 17U, 256U, 257U}) {
        for (const std::uint32_t n_batch : {1U, 2U, 7U, 8U, 9U, 64U}) {
          for (const bool unified : {false, true}) {
            SCOPED_TRACE(fmt::format("{}: {} sequences, context {}, batch {}{}", kind.name, sequences, n_ctx, n_batch,
                                     unified ? ", unified" : ""));
            ContextParams params = test::small_context(sequences);
            params.n_ctx = n_ctx;
            params.n_batch = n_batch;
            params.n_ubatch = std::min(4U, n_batch);
            params.kv_unified = unified;
            EXPECT_EQ(try_numbers(model, params), n_batch >= sequences && n_ctx >= sequences);
          }
        }
      }
    }
  }
}

TEST_F(NumbersTest, ModelsAndThreadsOutOfReachAreSaid) {
  const auto refused = [](const std::string& words, auto change) {
    ContextParams params = test::small_context(2);
    change(params);
    expect_error(ErrorCode::usage, words, [&] { validate(params); });
  };
  refused("threads at most", [](ContextParams& p) { p.n_threads = 100'000; });
  refused("threads at most", [](ContextParams& p) { p.n_threads_batch = GGML_MAX_N_THREADS + 1; });
  refused("more than any context holds", [](ContextParams& p) { p.n_batch = 1U << 30U; });
  refused("n_batch 2", [](ContextParams& p) { p.n_batch = p.n_ubatch = 1; });
  refused("cannot hold one of each of 2 sequences", [](ContextParams& p) { p.n_ctx = 1; });

  ModelParams alone;
  alone.path = test::arch_model("llama-dense");
  alone.devices = {"none"};
  alone.split_mode = SplitMode::none;
  alone.main_gpu = 1;
  expect_error(ErrorCode::usage, "no accelerator 1", [&] { validate(alone); });
  alone.main_gpu = -5;
  expect_error(ErrorCode::usage, "-5 is not a device", [&] { validate(alone); });
}

TEST_F(NumbersTest, TensorsSplitOverDevicesEndTheProcessWhereOneRefusesAndAreNotTaken) {
  ModelParams split;
  split.path = test::arch_model("llama-dense");
  split.split_mode = SplitMode::tensor;
  expect_error(ErrorCode::unsupported, "cannot be planned", [&] { validate(split); });
}

TEST(PooledMicroBatchTest, IsTheNextSmallerMultiple) {
  EXPECT_EQ(pooled_micro_batch(512, 1), 512U);
  EXPECT_EQ(pooled_micro_batch(512, 3), 510U);
  EXPECT_EQ(pooled_micro_batch(512, 8), 512U);
  EXPECT_EQ(pooled_micro_batch(4, 8), 4U);
}

}  // namespace
}  // namespace plimsoll::engine
