#include "run/reranker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include <plimsoll/base/error.hpp>
#include "run/embedder.hpp"

#include "arch_models.hpp"
#include "embedding_models.hpp"
#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_bert.hpp"

namespace plimsoll::run {
namespace {

using test::expect_error;
using test::ready;
using testing::ElementsAre;

const std::vector<std::string> kDocuments{"a cat", "the deck of a ship", "rope", "a", "salt water and wind"};

class RerankerTest : public testing::Test {
 protected:
  std::string model(const test::BertShape& shape) { return folder_.write("rank.gguf", test::tiny_bert(shape).bytes()); }
  std::unique_ptr<Instance> ranks(test::BertShape shape = {.pooling = 4, .classes = 1}, std::uint32_t sequences = 4) {
    shape.pooling = 4;
    return ready(accounting_, test::ranking_request(model(shape), sequences));
  }
  test::TemporaryFolder folder_;
  MemoryAccounting accounting_;
};

TEST_F(RerankerTest, ScoresComeInTheOrderOfTheDocumentsAndDoNotDependOnNeighbours) {
  const auto instance = ranks();
  Reranker reranker(*instance);
  const auto ranked = reranker.rank("which rope", kDocuments);
  ASSERT_EQ(ranked.size(), kDocuments.size());
  for (std::size_t i = 0; i < kDocuments.size(); ++i) {
    EXPECT_EQ(ranked[i].document, i);
    const auto alone = reranker.rank("which rope", std::span(&kDocuments[i], 1));
    EXPECT_NEAR(alone[0].score, ranked[i].score, 1e-4);
  }
  EXPECT_NE(ranked[0].score, ranked[1].score);
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  EXPECT_EQ(instance->graph_reallocations(), 0);
}

TEST_F(RerankerTest, TakesWhatWasPlanned) {
  const plan::Plan plan = test::plan_of(test::ranking_request(model({.pooling = 4, .classes = 1})));
  const auto instance = test::reserve(accounting_, plan);
  OpenOptions options;
  options.warm_up.depth = WarmUpDepth::quick;
  make_ready(*instance, options, nullptr);
  EXPECT_EQ(test::planned_places(instance->snapshot()), test::planned_places(plan.models.front().entries));
}

TEST_F(RerankerTest, TheBestFewComeBestFirst) {
  const auto instance = ranks();
  Reranker reranker(*instance);
  auto all = reranker.rank("rope", kDocuments);
  best_first(all);
  const auto few = reranker.rank("rope", kDocuments, {.top_n = 2});
  ASSERT_EQ(few.size(), 2U);
  EXPECT_EQ(few[0].document, all[0].document);
  EXPECT_EQ(few[1].document, all[1].document);
  EXPECT_GE(few[0].score, few[1].score);
  EXPECT_EQ(reranker.rank("rope", kDocuments, {.top_n = 99}).size(), kDocuments.size());
}

TEST_F(RerankerTest, SigmoidMakesProbabilitiesOfTheSameOrder) {
  const auto instance = ranks();
  Reranker reranker(*instance);
  const auto raw = reranker.rank("rope", kDocuments);
  const auto squashed = reranker.rank("rope", kDocuments, {.sigmoid = true});
  for (std::size_t i = 0; i < raw.size(); ++i) EXPECT_NEAR(squashed[i].score, 1 / (1 + std::exp(-raw[i].score)), 1e-6);
}

// [CLS] query [SEP] [SEP] document [SEP], as this vocabulary says what is added.
TEST_F(RerankerTest, ThePairFollowsTheVocabulary) {
  const auto instance = ranks();
  const engine::Vocab vocab = instance->model()->vocab();
  std::vector<engine::Token> expected;
  const auto append = [&](const std::vector<engine::Token>& tokens) {
    expected.insert(expected.end(), tokens.begin(), tokens.end());
  };
  if (vocab.adds_bos()) append({2});
  append(vocab.tokenize("ab", false, false));
  if (llama_vocab_get_add_eos(vocab.handle())) append({3});
  if (llama_vocab_get_add_sep(vocab.handle())) append({3});
  append(vocab.tokenize("cd", false, false));
  if (llama_vocab_get_add_eos(vocab.handle())) append({3});
  EXPECT_EQ(Reranker(*instance).pair("ab", "cd"), expected);
  EXPECT_EQ(expected.front(), 2);
  EXPECT_GE(std::ranges::count(expected, 3), 1);
}

TEST_F(RerankerTest, TheModelsOwnTemplateComesFirstAndWhatIsFilledInStaysText) {
  const auto instance = ranks({.classes = 1, .rerank_template = "{query}[SEP]{document}"});
  const engine::Vocab vocab = instance->model()->vocab();
  Reranker reranker(*instance);
  EXPECT_EQ(reranker.pair("ab", "cd"), vocab.tokenize("ab[SEP]cd", false, true));
  EXPECT_EQ(reranker.pair("{document}", "cd"), vocab.tokenize("{document}[SEP]cd", false, true));
  EXPECT_TRUE(std::ranges::contains(reranker.pair("ab", "cd"), 3));
}

TEST_F(RerankerTest, EveryClassIsGivenWithItsName) {
  const auto instance = ranks({.classes = 3, .labels = {"yes", "no", "perhaps"}});
  Reranker reranker(*instance);
  EXPECT_THAT(reranker.labels(), ElementsAre("yes", "no", "perhaps"));
  const auto ranked = reranker.rank("rope", kDocuments);
  ASSERT_EQ(ranked[0].classes.size(), 3U);
  EXPECT_EQ(ranked[0].score, ranked[0].classes[0]);
  EXPECT_NE(ranked[0].classes[0], ranked[0].classes[1]);
}

TEST_F(RerankerTest, AModelWithoutAHeadIsRefusedWithASentence) {
  const auto refused = [&](const std::string& path) {
    expect_error(ErrorCode::unsupported, "no classification head",
                 [&] { (void)ready(accounting_, test::ranking_request(path)); });
  };
  refused(model({.pooling = 1}));
  refused(test::arch_model("llama-dense"));
  EXPECT_TRUE(accounting_.ledger().empty());
}

// A decoder that ranks by its last token; the engine's test model carries a head.
TEST_F(RerankerTest, ADecoderWithAHeadRanksTokens) {
  const auto instance = ready(accounting_, test::ranking_request(test::arch_model("qwen3-dense")));
  Reranker reranker(*instance);
  const auto pairs = test::some_inputs(7);
  const auto ranked = reranker.rank(pairs);
  for (std::size_t i = 0; i < pairs.size(); ++i)
    EXPECT_NEAR(reranker.rank(std::span(&pairs[i], 1))[0].score, ranked[i].score, 1e-3) << i;
  EXPECT_EQ(instance->seal_counts().allocations_after_seal, 0U);
  EXPECT_EQ(instance->graph_reallocations(), 0);
}

TEST_F(RerankerTest, ADocumentThatIsTooLongIsRefusedUnlessItMayLoseItsEnd) {
  const auto instance = ranks();
  Reranker reranker(*instance);
  std::vector<std::string> documents{"a", std::string(200, 'b'), std::string(61, 'c') + " d"};
  EXPECT_EQ(reranker.longest_pair(), 64U);
  expect_error(ErrorCode::context_overflow, "input 2", [&] { (void)reranker.rank("rope", documents); });
  const auto ranked = reranker.rank("rope", documents, {.truncate = true});
  EXPECT_FALSE(ranked[0].truncated);
  EXPECT_TRUE(ranked[1].truncated);
  EXPECT_TRUE(ranked[2].truncated);
  for (const Ranked& one : ranked) EXPECT_LE(one.tokens, 64U);
  EXPECT_EQ(ranked[1].tokens, 64U);
  const auto cut = reranker.pair("rope", documents[1].substr(0, 64 - reranker.pair("rope", "").size()));
  EXPECT_EQ(cut.size(), 64U);
  EXPECT_NEAR(reranker.rank(std::span(&cut, 1))[0].score, ranked[1].score, 1e-4);
  // A query that leaves no room at all is the caller's to shorten.
  expect_error(ErrorCode::context_overflow, "input 1",
               [&] { (void)reranker.rank(std::string(100, 'q'), documents, {.truncate = true}); });
}

TEST_F(RerankerTest, CancellationAndFailureLeaveItUsable) {
  const auto instance = ranks();
  Reranker reranker(*instance);
  const auto before = reranker.rank("rope", kDocuments);
  std::stop_source source;
  source.request_stop();
  expect_error(ErrorCode::cancelled, "cancelled",
               [&] { (void)reranker.rank("rope", kDocuments, {.stop = source.get_token()}); });
  expect_error(ErrorCode::usage, "no document", [&] { (void)reranker.rank("rope", std::vector<std::string>{}); });
  EXPECT_EQ(reranker.rank("rope", kDocuments)[2].score, before[2].score);
}

TEST_F(RerankerTest, EmbedderAndRerankerRefuseEachOthersContexts) {
  const auto instance = ranks();
  expect_error(ErrorCode::usage, "ranks", [&] { Embedder embedder(*instance); });
  const auto embeds = ready(accounting_, test::embedding_request(model({.pooling = 1}), engine::Pooling::mean));
  expect_error(ErrorCode::usage, "gives embeddings", [&] { Reranker reranker(*embeds); });
}

}  // namespace
}  // namespace plimsoll::run
