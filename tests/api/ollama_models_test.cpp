#include <gtest/gtest.h>

#include "api/ollama_embedding.hpp"
#include "api/ollama_models.hpp"
#include "api/ollama_routes.hpp"
#include "api/unknown_fields.hpp"

namespace plimsoll::api {
namespace {

const OllamaModel kMate{.name = "mate",
                        .modified_at = "2026-11-30T00:00:00.000Z",
                        .size = 12,
                        .digest = "ab",
                        .family = "llama",
                        .parameters = 8'030'261'248,
                        .description = "llama 8B Q4_K - Medium"};

TEST(OllamaModelsTest, NamesHaveTags) {
  EXPECT_EQ(with_a_tag("mate"), "mate:latest");
  EXPECT_EQ(with_a_tag("mate:7b"), "mate:7b");
}

TEST(OllamaModelsTest, Sizes) {
  EXPECT_EQ(parameter_size(8'030'261'248), "8.0B");
  EXPECT_EQ(parameter_size(136'731'648), "137M");
  EXPECT_EQ(parameter_size(1'083'008), "1.08M");
  EXPECT_EQ(parameter_size(7), "7");
}

TEST(OllamaModelsTest, Quantizations) {
  EXPECT_EQ(quantization_level("llama 8B Q4_K - Medium"), "Q4_K_M");
  EXPECT_EQ(quantization_level("llama 8B IQ2_XXS - 2.0625 bpw"), "IQ2_XXS");
  EXPECT_EQ(quantization_level("llama ?B F16"), "F16");
  EXPECT_EQ(quantization_level(""), "");
}

TEST(OllamaModelsTest, Lists) {
  const Json tags = ollama_tags({kMate});
  EXPECT_EQ(tags["models"][0]["model"], "mate:latest");
  EXPECT_EQ(tags["models"][0]["details"],
            Json::parse(R"({"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
                            "parameter_size": "8.0B", "quantization_level": "Q4_K_M"})"));
  const Json loaded = ollama_ps(
      {{.model = kMate, .bytes = 9, .device_bytes = 4, .expires_at = "2300-01-01T00:00:00Z", .context = 512}});
  EXPECT_EQ(loaded["models"][0]["size_vram"], 4);
  EXPECT_EQ(loaded["models"][0]["context_length"], 512);
}

TEST(OllamaModelsTest, Embeddings) {
  const OllamaEmbedding asked =
      read_ollama_embed(Json::parse(R"({"model": "mate:latest", "input": ["a", "b"], "options": {"num_ctx": 1}})"));
  EXPECT_EQ(asked.request.inputs.size(), 2U);
  EXPECT_TRUE(asked.request.truncate);
  const Json answer = ollama_embed_answer(asked, {{0.5F}, {1.0F}}, {.tokens = 4, .load_ms = 1, .total_ms = 2});
  EXPECT_EQ(answer["model"], "mate:latest");
  EXPECT_EQ(answer["embeddings"], Json::parse("[[0.5], [1.0]]"));
  EXPECT_EQ(answer["prompt_eval_count"], 4);
  EXPECT_EQ(answer["total_duration"], 2'000'000);
  const UnknownFields unknown(UnknownRule::ignore);
  EXPECT_TRUE(read_ollama_embed(Json::parse(R"({"model": "mate", "input": [], "x": 1})")).request.inputs.empty());
  EXPECT_EQ(unknown.ignored(), std::vector<std::string>{"x"});
  EXPECT_TRUE(read_ollama_embeddings(Json::parse(R"({"model": "mate", "prompt": ""})")).request.inputs.empty());
}

TEST(OllamaModelsTest, NoModelIsAddedOrRemoved) {
  const Problem problem = fleet_is_fixed("/api/push");
  EXPECT_EQ(problem.status(), 403);
  EXPECT_EQ(asked_ollama_model(Json::parse(R"({"name": "mate:latest"})")), "mate");
}

}  // namespace
}  // namespace plimsoll::api
