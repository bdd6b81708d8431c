#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "engine/sampling_json.hpp"

#include "expect_error.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using Json = nlohmann::ordered_json;

void expect_refused(const std::string& words, const std::function<void(SamplingParams&)>& change) {
  SamplingParams params;
  change(params);
  SCOPED_TRACE(words);
  expect_error(ErrorCode::usage, words, [&] { validate(params); });
}

TEST(SamplingParamsTest, TheDefaultsAreValid) { EXPECT_NO_THROW(validate(SamplingParams{})); }

TEST(SamplingParamsTest, WhatMeansNothingIsNamed) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  expect_refused("temperature cannot be nan", [&](SamplingParams& p) { p.temperature = nan; });
  expect_refused("top_p cannot be 1.5; it takes numbers from 0 to 1", [](SamplingParams& p) { p.top_p = 1.5F; });
  expect_refused("top_p cannot be nan", [&](SamplingParams& p) { p.top_p = nan; });
  expect_refused("min_p cannot be -1", [](SamplingParams& p) { p.min_p = -1; });
  expect_refused("typical_p cannot be 2", [](SamplingParams& p) { p.typical_p = 2; });
  expect_refused("top_n_sigma", [&](SamplingParams& p) { p.top_n_sigma = infinity; });
  expect_refused("dynatemp_range", [](SamplingParams& p) { p.dynatemp_range = -1; });
  expect_refused("dynatemp_exponent", [&](SamplingParams& p) { p.dynatemp_exponent = nan; });
  expect_refused("xtc_probability", [](SamplingParams& p) { p.xtc_probability = 1.01F; });
  expect_refused("xtc_threshold", [](SamplingParams& p) { p.xtc_threshold = -0.1F; });
  expect_refused("penalty_last_n", [](SamplingParams& p) { p.penalty_last_n = -2; });
  expect_refused("penalty_repeat", [](SamplingParams& p) { p.penalty_repeat = 0; });
  expect_refused("penalty_frequency", [&](SamplingParams& p) { p.penalty_frequency = nan; });
  expect_refused("penalty_presence", [&](SamplingParams& p) { p.penalty_presence = -infinity; });
  expect_refused("dry_multiplier", [](SamplingParams& p) { p.dry_multiplier = -1; });
  expect_refused("dry_base", [](SamplingParams& p) { p.dry_base = 0.5F; });
  expect_refused("dry_allowed_length", [](SamplingParams& p) { p.dry_allowed_length = -1; });
  expect_refused("sequence breaker", [](SamplingParams& p) { p.dry_sequence_breakers = {""}; });
  expect_refused("mirostat cannot be 3", [](SamplingParams& p) { p.mirostat = 3; });
  expect_refused("mirostat_tau", [](SamplingParams& p) { p.mirostat_tau = -1; });
  expect_refused("mirostat_eta", [&](SamplingParams& p) { p.mirostat_eta = nan; });
  expect_refused("adaptive_target", [](SamplingParams& p) { p.adaptive_target = 1.5F; });
  expect_refused("adaptive_decay", [](SamplingParams& p) { p.adaptive_decay = 1; });
  expect_refused("the bias of token 3", [&](SamplingParams& p) { p.logit_bias = {{.token = 3, .bias = nan}}; });
  expect_refused("there is no sampler 'tallest'", [](SamplingParams& p) { p.samplers = {"top_k", "tallest"}; });
  expect_refused("no grammar", [](SamplingParams& p) { p.grammar_trigger_tokens = {1}; });
  expect_refused("root", [](SamplingParams& p) { p.grammar = "root ::= \"a\"", p.grammar_root = ""; });
}

TEST(SamplingParamsTest, SamplersAnswerToTheirOtherNames) {
  for (const auto& [given, name] : std::vector<std::pair<std::string, std::string>>{{"top-k", "top_k"},
                                                                                    {"nucleus", "top_p"},
                                                                                    {"typical", "typ_p"},
                                                                                    {"typical-p", "typ_p"},
                                                                                    {"temp", "temperature"},
                                                                                    {"adaptive-p", "adaptive_p"},
                                                                                    {"dry", "dry"},
                                                                                    {"", ""},
                                                                                    {"Top_K", ""}}) {
    EXPECT_EQ(sampler_from_name(given), name) << given;
  }
}

SamplingParams everything_else() {
  return {.seed = 4000000000U,
          .temperature = 0.1F,
          .top_k = -3,
          .top_p = 0.3F,
          .min_p = 0.7F,
          .typical_p = 0.9F,
          .top_n_sigma = 1.25F,
          .penalty_last_n = -1,
          .penalty_repeat = 1.1F,
          .penalty_frequency = -0.5F,
          .penalty_presence = 0.25F,
          .grammar = "start ::= \"é\\n\"",
          .grammar_root = "start",
          .grammar_trigger_patterns = {"^(a|b)"},
          .grammar_trigger_tokens = {1, 2},
          .dynatemp_range = 0.4F,
          .dynatemp_exponent = 2,
          .xtc_probability = 0.5F,
          .xtc_threshold = 0.2F,
          .dry_multiplier = 0.8F,
          .dry_base = 2,
          .dry_allowed_length = 3,
          .dry_last_n = 77,
          .dry_sequence_breakers = {"\n\n"},
          .mirostat = 2,
          .mirostat_tau = 4,
          .mirostat_eta = 0.2F,
          .adaptive_target = 0.4F,
          .adaptive_decay = 0.5F,
          .logit_bias = {{.token = 5, .bias = 1.5F}, {.token = 6, .bias = -std::numeric_limits<float>::infinity()}},
          .ignore_eos = true,
          .min_keep = 9,
          .samplers = {"temperature", "infill"},
          .least_tokens = 3,
          .thought_tokens = 8,
          .thought_begin = "<think>",
          .thought_end = "</think>",
          .thought_is_open = true};
}

TEST(SamplingJsonTest, EveryFieldComesBack) {
  const SamplingParams params = everything_else();
  const Json json = to_json(params);
  const Json defaults = to_json(SamplingParams{});
  for (const auto& [key, value] : json.items()) EXPECT_NE(value, defaults.at(key)) << key << " was not tried";
  EXPECT_EQ(json.size(), defaults.size());
  EXPECT_EQ(sampling_params_from_json(Json::parse(json.dump())), params);
  EXPECT_EQ(sampling_params_from_json(Json::object()), SamplingParams{});
}

TEST(SamplingJsonTest, WhatCannotBeReadIsNamed) {
  for (const auto& [text, words] :
       std::vector<std::pair<std::string, std::string>>{{"[]", "object"},
                                                        {R"({"top_k": "many"})", "top_k"},
                                                        {R"({"top_k": 1.5})", "top_k"},
                                                        {R"({"top_k": 99999999999})", "top_k"},
                                                        {R"({"min_keep": -1})", "min_keep"},
                                                        {R"({"ignore_eos": 1})", "ignore_eos"},
                                                        {R"({"samplers": "top_k"})", "samplers"},
                                                        {R"({"samplers": [1]})", "samplers"},
                                                        {R"({"temprature": 1})", "'temprature'"},
                                                        {R"({"logit_bias": [[1]]})", "logit_bias"},
                                                        {R"({"logit_bias": [["a", 1]]})", "logit_bias"},
                                                        {R"({"logit_bias": [[1, true]]})", "logit_bias"},
                                                        {R"({"top_p": 3})", "top_p"}}) {
    SCOPED_TRACE(text);
    expect_error(ErrorCode::usage, words, [&] { (void)sampling_params_from_json(Json::parse(text, nullptr, false)); });
  }
}

TEST(SamplingJsonTest, ASnapshotComesBack) {
  const SamplerSnapshot snapshot{
      .params = everything_else(),
      .accepted = {{1, false}, {2, false}, {3, true}, {4, true}, {5, false}},
      .averages = {0.1F, 9.25e-7F},
  };
  EXPECT_EQ(sampler_snapshot_from_json(Json::parse(to_json(snapshot).dump())), snapshot);
  EXPECT_EQ(sampler_snapshot_from_json(to_json(SamplerSnapshot{})), SamplerSnapshot{});
}

TEST(SamplingJsonTest, ADamagedSnapshotIsRefused) {
  const Json whole = to_json(SamplerSnapshot{.params = {}, .accepted = {{1, true}}, .averages = {1}});
  for (const char* key : {"schema", "params", "accepted", "averages"}) {
    Json damaged = whole;
    damaged.erase(key);
    expect_error(ErrorCode::usage, "snapshot", [&] { (void)sampler_snapshot_from_json(damaged); });
    damaged[key] = 3;
    expect_error(ErrorCode::usage, "", [&] { (void)sampler_snapshot_from_json(damaged); });
  }
  Json endless = to_json(SamplingParams{});
  endless["temperature"] = std::numeric_limits<double>::max();
  expect_error(ErrorCode::usage, "temperature", [&] { (void)sampling_params_from_json(endless); });
  Json of_the_future = whole;
  of_the_future["schema"] = "plimsoll.sampler/3";
  expect_error(ErrorCode::usage, "plimsoll.sampler/3", [&] { (void)sampler_snapshot_from_json(of_the_future); });
}

TEST(PartialSamplingTest, WhatIsGivenLiesOverTheRest) {
  const PartialSampling file =
      partial_sampling_from_json({{"temperature", 0.2}, {"top_k", 7}, {"logit_bias", {{1, 2}}}});
  EXPECT_TRUE(file.given.contains("top_k"));
  EXPECT_FALSE(file.given.contains("top_p"));
  // A value that is the stock one all the same, and one that was set without being named.
  PartialSampling request{.given = {"temperature"}};
  request.params.top_p = 0.5F;
  request.params.logit_bias = {{.token = 3, .bias = 1}};
  const SamplingParams all = laid_over(laid_over({}, file), request);
  EXPECT_EQ(all.temperature, SamplingParams{}.temperature);
  EXPECT_EQ(all.top_k, 7);
  EXPECT_EQ(all.top_p, 0.5F);
  EXPECT_EQ(all.logit_bias.size(), 2U);
  EXPECT_EQ(laid_over({}, PartialSampling{}), SamplingParams{});
}

}  // namespace
}  // namespace plimsoll::engine
