// Values in the place of the file's metadata, and the words in which the engine tells what it did with them.
#include <gtest/gtest.h>

#include "base/log.hpp"
#include "engine/context.hpp"
#include "engine/model.hpp"

#include "arch_models.hpp"
#include "decoding.hpp"
#include "expect_error.hpp"

namespace plimsoll::engine {
namespace {

using test::arch_model;
using test::expect_error;

ModelParams params_with(const char* overrides, const char* model = "llama-dense") {
  ModelParams params;
  params.path = arch_model(model);
  params.devices = {"none"};
  params.metadata_overrides = metadata_overrides_from_string(overrides).value();
  return params;
}

std::vector<std::string> warnings_of(const ModelParams& params, const LoadOptions& options = {}) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level level, std::string_view, std::string_view message) {
    if (level == log::Level::warn) lines.emplace_back(message);
  });
  (void)Model::load(params, options);
  log::set_sink({});
  return lines;
}

TEST(MetadataOverrideEngineTest, IsWhatTheEngineReads) {
  const ModelParams params = params_with("llama.context_length=int:77,general.sampling.top_k=int:3");
  const auto model = Model::load(params);
  EXPECT_EQ(model->facts().n_ctx_train, 77U);
  EXPECT_EQ(model->metadata("llama.context_length"), "77");
  EXPECT_EQ(model->metadata("general.sampling.top_k"), "3");
  EXPECT_EQ(Model::load(params, {.header_only = true})->facts(), model->facts());
  ContextParams context = test::small_context();
  context.n_ctx = 0;
  EXPECT_LT(Context::create(model, context)->facts().n_ctx, 300U) << "the model's own";
}

TEST(MetadataOverrideEngineTest, ChangesWhatIsComputed) {
  const std::vector<llama_token> tokens = test::some_tokens(20);
  const auto logits = [&](const ModelParams& params) {
    const auto context = Context::create(Model::load(params), test::small_context());
    return test::logits_after(*context, tokens);
  };
  ModelParams params = params_with("llama.rope.freq_base=float:3.0");
  params.path = test::lively_model("llama-dense");
  const std::vector<float> changed = logits(params);
  params.metadata_overrides.clear();
  EXPECT_NE(logits(params), changed);
}

TEST(MetadataOverrideEngineTest, FactsAreOfTheSameValues) {
  EXPECT_TRUE(Model::load(params_with("llama.block_count=int:2"))->facts().is_causal);
  EXPECT_FALSE(Model::load(params_with("llama.attention.causal=bool:false"))->facts().is_causal);
}

TEST(MetadataOverrideEngineTest, AnotherTypeIsRefused) {
  expect_error(ErrorCode::usage, "another type",
               [] { (void)Model::load(params_with("llama.context_length=str:many")); });
  expect_error(ErrorCode::usage, "another type",
               [] { (void)Model::load(params_with("llama.context_length=float:8.0"), {.header_only = true}); });
}

TEST(MetadataOverrideEngineTest, WhatNobodyReadsIsSaid) {
  const auto warnings = warnings_of(params_with("llama.contxt_length=int:8"));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings.front().find("llama.contxt_length=int:8"), std::string::npos) << warnings.front();
  EXPECT_TRUE(warnings_of(params_with("llama.context_length=int:8")).empty());
  EXPECT_TRUE(warnings_of(params_with("llama.contxt_length=int:8"), {.vocab_only = true}).empty());
}

TEST(MetadataOverrideEngineTest, AnArchitectureThatDoesNotFitIsUnusable) {
  expect_error(ErrorCode::model_unusable, "llama-dense",
               [] { (void)Model::load(params_with("general.architecture=str:none_of_them")); });
}

}  // namespace
}  // namespace plimsoll::engine
