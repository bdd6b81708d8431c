// Embeddings and ranking through the C interface.
#include <array>
#include <cmath>
#include <functional>
#include <stdexcept>

#include "arch_models.hpp"
#include "demo_runtime.hpp"
#include "paths.hpp"

namespace plimsoll::test {
namespace {

std::int32_t call_count(void* data, std::uint64_t done, std::uint64_t of) {
  return (*static_cast<std::function<std::int32_t(std::uint64_t, std::uint64_t)>*>(data))(done, of);
}

plimsoll_model_options for_vectors() {
  plimsoll_model_options options = small_model(2);
  options.settings = "device = \"none\"\n";
  return options;
}

const std::array<const char*, 3> kTexts{"We hauled up the anchor.", "The wind is fair.", "Day 12."};

class CApiVectors : public CApi {
 protected:
  void open_embedder(std::int32_t pooling) {
    const plimsoll_model_options options = for_vectors();
    expect_ok(plimsoll_embedder_open(runtime, kDemo.c_str(), &options, pooling, &embedder));
  }
  void TearDown() override {
    expect_ok(plimsoll_embedder_close(embedder));
    CApi::TearDown();
  }
  plimsoll_embedder* embedder = nullptr;
  plimsoll_embeddings* vectors = nullptr;
};

TEST_F(CApiVectors, EachTextHasAVectorOfLengthOne) {
  open_embedder(PLIMSOLL_POOLING_MEAN);
  std::uint64_t width = 0;
  std::uint64_t longest = 0;
  expect_ok(plimsoll_embedder_limits(embedder, &width, &longest));
  EXPECT_GT(longest, 0U);
  expect_ok(plimsoll_embedder_embed(embedder, kTexts.data(), kTexts.size(), nullptr, &vectors));
  std::uint64_t count = 0;
  expect_ok(plimsoll_embeddings_count(vectors, &count));
  ASSERT_EQ(count, kTexts.size());
  const float* values = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t numbers = 0;
  std::uint64_t tokens = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    expect_ok(plimsoll_embeddings_get(vectors, i, &values, &rows, &numbers, &tokens));
    EXPECT_EQ(rows, 1U);
    EXPECT_EQ(numbers, width);
    EXPECT_GT(tokens, 0U);
    double length = 0;
    for (std::uint64_t at = 0; at < numbers; ++at) length += double{values[at]} * double{values[at]};
    EXPECT_NEAR(length, 1, 1e-3);
  }
  expect_code(PLIMSOLL_USAGE, "there is no text 3",
              plimsoll_embeddings_get(vectors, 3, &values, &rows, &numbers, nullptr));
  EXPECT_EQ(values, nullptr);
  expect_ok(plimsoll_embeddings_close(vectors));
  expect_code(PLIMSOLL_USAGE, "these embeddings were closed already", plimsoll_embeddings_close(vectors));
}

TEST_F(CApiVectors, WithoutPoolingEachTokenHasOne) {
  open_embedder(PLIMSOLL_POOLING_NONE);
  expect_ok(plimsoll_embedder_embed(embedder, kTexts.data(), 1, nullptr, &vectors));
  const float* values = nullptr;
  std::uint64_t rows = 0;
  std::uint64_t width = 0;
  std::uint64_t tokens = 0;
  expect_ok(plimsoll_embeddings_get(vectors, 0, &values, &rows, &width, &tokens));
  EXPECT_EQ(rows, tokens);
  EXPECT_GT(rows, 1U);
  expect_ok(plimsoll_embeddings_close(vectors));
}

TEST_F(CApiVectors, ProgressMayEndItAndMayThrow) {
  open_embedder(PLIMSOLL_POOLING_MEAN);
  plimsoll_embed_options options;
  expect_ok(plimsoll_embed_options_init(&options, sizeof options));
  std::uint64_t last = 0;
  std::function<std::int32_t(std::uint64_t, std::uint64_t)> told = [&](std::uint64_t done, std::uint64_t of) {
    EXPECT_EQ(of, kTexts.size());
    last = done;
    std::uint64_t width = 0;
    expect_code(PLIMSOLL_USAGE, "inside a callback", plimsoll_embedder_limits(embedder, &width, nullptr));
    return 0;
  };
  options.progress = &call_count;
  options.user_data = &told;
  const auto embed = [&] {
    return plimsoll_embedder_embed(embedder, kTexts.data(), kTexts.size(), &options, &vectors);
  };
  expect_ok(embed());
  EXPECT_EQ(last, kTexts.size());
  expect_ok(plimsoll_embeddings_close(vectors));
  told = [](std::uint64_t, std::uint64_t) -> std::int32_t { throw std::runtime_error("mine"); };
  expect_code(PLIMSOLL_CALLBACK_FAILED, "mine", embed());
  EXPECT_EQ(vectors, nullptr);
  plimsoll_embedder* const own = embedder;
  told = [&](std::uint64_t, std::uint64_t) {
    expect_ok(plimsoll_embedder_close(std::exchange(embedder, nullptr)));  // it lives until the call is over
    return 0;
  };
  expect_ok(plimsoll_embedder_embed(own, kTexts.data(), kTexts.size(), &options, &vectors));
  expect_ok(plimsoll_embeddings_close(vectors));
  expect_code(PLIMSOLL_USAGE, "this embedder was closed already", plimsoll_embedder_close(own));
}

TEST_F(CApiVectors, WhatMeansNothingIsNamed) {
  plimsoll_model_options options = for_vectors();
  expect_code(PLIMSOLL_USAGE, "there is no pooling 4",
              plimsoll_embedder_open(runtime, kDemo.c_str(), &options, 4, &embedder));
  open_embedder(PLIMSOLL_POOLING_UNSPECIFIED + 2);
  expect_code(PLIMSOLL_USAGE, "there are 3 texts at NULL",
              plimsoll_embedder_embed(embedder, nullptr, 3, nullptr, &vectors));
  const std::string long_text(5000, 'a');
  const char* const too_long = long_text.c_str();
  expect_code(PLIMSOLL_CONTEXT_OVERFLOW, "", plimsoll_embedder_embed(embedder, &too_long, 1, nullptr, &vectors));
  plimsoll_embed_options stopped;
  expect_ok(plimsoll_embed_options_init(&stopped, sizeof stopped));
  expect_ok(plimsoll_stop_create(&stopped.stop));
  expect_ok(plimsoll_stop_request(stopped.stop));
  expect_code(PLIMSOLL_CANCELLED, "", plimsoll_embedder_embed(embedder, kTexts.data(), 1, &stopped, &vectors));
  expect_ok(plimsoll_stop_close(stopped.stop));
}

TEST_F(CApiVectors, DocumentsAreRanked) {
  const std::string path = arch_models_path("qwen3-dense.gguf");
  plimsoll_model_options options = for_vectors();
  plimsoll_reranker* reranker = nullptr;
  expect_ok(plimsoll_reranker_open(runtime, path.c_str(), &options, &reranker));
  plimsoll_ranking* ranking = nullptr;
  plimsoll_rank_options how;
  expect_ok(plimsoll_rank_options_init(&how, sizeof how));
  how.sigmoid = 1;
  how.top_n = 2;
  expect_ok(plimsoll_reranker_rank(reranker, "wind", kTexts.data(), kTexts.size(), &how, &ranking));
  std::uint64_t count = 0;
  expect_ok(plimsoll_ranking_count(ranking, &count));
  ASSERT_EQ(count, 2U);
  plimsoll_ranked first{};
  plimsoll_ranked second{};
  first.size = second.size = sizeof first;
  expect_ok(plimsoll_ranking_get(ranking, 0, &first));
  expect_ok(plimsoll_ranking_get(ranking, 1, &second));
  EXPECT_GE(first.score, second.score);
  EXPECT_NE(first.document, second.document);
  EXPECT_LT(first.document, kTexts.size());
  EXPECT_GT(first.tokens, 0U);
  expect_code(PLIMSOLL_USAGE, "there is no result 2", plimsoll_ranking_get(ranking, 2, &first));
  first.size = 4;
  expect_code(PLIMSOLL_USAGE, "no version of plimsoll_ranked", plimsoll_ranking_get(ranking, 0, &first));
  expect_ok(plimsoll_ranking_close(ranking));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_reranker_rank(reranker, "wind", nullptr, 0, nullptr, &ranking));
  expect_code(PLIMSOLL_USAGE, "the query is NULL",
              plimsoll_reranker_rank(reranker, nullptr, kTexts.data(), 1, nullptr, &ranking));
  expect_ok(plimsoll_reranker_close(reranker));
}

}  // namespace
}  // namespace plimsoll::test
