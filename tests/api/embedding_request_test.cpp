#include "api/embedding_request.hpp"

#include <gtest/gtest.h>

#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

EmbeddingRequest read(const std::string& text) { return read_embedding_request(Json::parse(text)); }

TEST(EmbeddingRequestTest, EveryFormOfInput) {
  EXPECT_EQ(read(R"({"input": "a"})").inputs.size(), 1U);
  EXPECT_EQ(read(R"({"input": [1, 2]})").inputs.size(), 1U);
  EXPECT_EQ(read(R"({"input": ["a", [1, 2], "c"]})").inputs.size(), 3U);
  expect_problem("input", "must be a string", [] { return read(R"({"input": []})"); });
  const RawPrompt mixed = MixedPrompt{{.tokens = {1}}, {.text = "a"}, {.tokens = {2}}};
  EXPECT_EQ(read(R"({"input": [1, "a", 2]})").inputs, std::vector{mixed});
  EXPECT_EQ(read(R"({"input": [[3], [1, "a", 2]]})").inputs.back(), mixed);
  expect_problem("input[1]", "must be a string", [] { return read(R"({"input": ["a", {}]})"); });
  expect_problem("encoding_format", "must be 'float'",
                 [] { return read(R"({"input": "a", "encoding_format": "hex"})"); });
  expect_problem("dimensions", "whole number", [] { return read(R"({"input": "a", "dimensions": 0})"); });
  expect_problem("input", "2048 texts at most",
                 [] { return read_embedding_request({{"input", std::vector<std::string>(2049, "a")}}); });
}

TEST(EmbeddingRequestTest, Answers) {
  const std::vector<std::vector<float>> vectors{{3, 4, 12}, {0, 0, 1}};
  EXPECT_EQ(embedding_answer(read(R"({"input": ["a", "b"], "dimensions": 2})"), "m", vectors, 7).dump(),
            R"({"object":"list","data":[)"
            R"({"object":"embedding","index":0,"embedding":[0.6000000238418579,0.800000011920929]},)"
            R"({"object":"embedding","index":1,"embedding":[0.0,0.0]}],)"
            R"("model":"m","usage":{"prompt_tokens":7,"total_tokens":7}})");
  const Json packed = embedding_answer(read(R"({"input": "a", "encoding_format": "base64"})"), "m", {{1, -2}}, 1);
  EXPECT_EQ(packed["data"][0]["embedding"], "AACAPwAAAMA=");
  expect_problem("dimensions", "this model's vectors have 3",
                 [] { require_dimensions(read(R"({"input": "a", "dimensions": 4})"), 3); });
  require_dimensions(read(R"({"input": "a", "dimensions": 3})"), 3);
}

TEST(EmbeddingRequestTest, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFF\xFE\xFD"), "//79");
}

TEST(EmbeddingRequestTest, Ranking) {
  const RankRequest request = read_rank_request(Json::parse(
      R"({"model": "r", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": true})"));
  EXPECT_EQ(request.documents, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(rank_answer(request, "r", {{.document = 1, .score = 0.5}}, 3).dump(),
            R"({"object":"list","model":"r","results":[{"index":1,"relevance_score":0.5,"document":{"text":"b"}}],)"
            R"("usage":{"prompt_tokens":3,"total_tokens":3}})");
  const auto refuse = [](const char* text) { return [text] { return read_rank_request(Json::parse(text)); }; };
  expect_problem("query", "is missing", refuse(R"({"documents": ["a"]})"));
  expect_problem("documents", "at least one", refuse(R"({"query": "q", "documents": []})"));
  expect_problem("documents[0]", "must be an object", refuse(R"({"query": "q", "documents": [1]})"));
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("extra", "unknown field", refuse(R"({"query": "q", "documents": ["a"], "extra": 1})"));
}

}  // namespace
}  // namespace plimsoll::api
