#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/embedding_request.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::events;
using test::expect_problem;
using testing::ElementsAre;
using Tokens = std::vector<engine::Token>;

Asked ask(const std::string& prompt, const std::string& more = "") {
  return read_llama_completion(Json::parse(R"({"prompt": )" + prompt + more + "}"));
}

std::vector<RawPrompt> prompts(const std::string& prompt) {
  return std::get<std::vector<RawPrompt>>(ask(prompt).request.prompt);
}

ResponseMeta heading() {
  ResponseMeta meta = test::kMeta;
  meta.prompts = {{.tokens = {1, 2, 3}, .text = "Day"}};
  return meta;
}

const Timings kTimings{.cached = 2, .prompt = 1, .prompt_ms = 2, .predicted = 2, .predicted_ms = 4};

TEST(LlamaCompletionTest, EveryFormOfAPrompt) {
  EXPECT_EQ(prompts("\"a\""), (std::vector<RawPrompt>{"a"}));
  EXPECT_EQ(prompts("[1, 2]"), (std::vector<RawPrompt>{Tokens{1, 2}}));
  EXPECT_EQ(prompts(R"(["a", [1]])"), (std::vector<RawPrompt>{"a", Tokens{1}}));
  EXPECT_EQ(prompts(R"([1, "a", 2])"),
            (std::vector<RawPrompt>{MixedPrompt{{.tokens = {1}}, {.text = "a"}, {.tokens = {2}}}}));
  EXPECT_EQ(prompts(R"({"prompt_string": "a"})"), (std::vector<RawPrompt>{"a"}));
  for (const char* wrong : {"[]", "1"}) expect_problem("prompt", "prompt", [&] { return ask(wrong); });
  expect_problem("prompt", "'prompt' is missing", [] { return read_llama_completion(Json::object()); });
  expect_problem("prompt.multimodal_data", "has 1 files, and the text has 0 markers",
                 [] { return ask(R"({"prompt_string": "a", "multimodal_data": ["b"]})"); });
}

TEST(LlamaCompletionTest, Lengths) {
  EXPECT_EQ(ask("\"a\"").request.most_tokens, std::nullopt);
  EXPECT_EQ(ask("\"a\"", R"(, "n_predict": -1)").request.most_tokens, std::nullopt);
  EXPECT_EQ(ask("\"a\"", R"(, "n_predict": 5, "max_tokens": 7)").request.most_tokens, 5);
  EXPECT_EQ(ask("\"a\"", R"(, "max_tokens": 7)").request.most_tokens, 7);
}

TEST(LlamaCompletionTest, LengthIsReadAsElsewhere) {
  EXPECT_EQ(ask("\"a\"", R"(, "n_predict": -2)").request.most_tokens, std::nullopt);
  EXPECT_EQ(ask("\"a\"", R"(, "n_predict": 9, "min_tokens": 3)").request.least_tokens, 3);
}

TEST(LlamaCompletionTest, SamplersByName) {
  EXPECT_THAT(ask("\"a\"", R"(, "samplers": ["top_k", "typ_p", "temperature"])").request.sampling.samplers,
              ElementsAre("top_k", "typ_p", "temperature"));
  EXPECT_THAT(ask("\"a\"", R"(, "samplers": "ky")").request.sampling.samplers, ElementsAre("top_k", "typ_p"));
  expect_problem("samplers", "is not the name of a sampler",
                 [] { return ask("\"a\"", R"(, "samplers": ["nonsense"])"); });
}

TEST(LlamaCompletionTest, UnknownFieldsAreIgnoredByName) {
  const UnknownFields unknown(UnknownRule::ignore);
  (void)ask("\"a\"", R"(, "cache_prompt": true, "n_discard": 4)");
  EXPECT_THAT(unknown.ignored(), ElementsAre("n_discard"));
}

TEST(LlamaCompletionTest, WithoutV1ItIsOpenAisWhereAModelIsNamed) {
  const auto answer = [](const char* body) {
    return read_llama_completions(Json::parse(body)).writer->whole({.choices = {{.text = "a"}}});
  };
  EXPECT_TRUE(answer(R"({"prompt": "a", "model": "m"})").contains("choices"));
  EXPECT_EQ(answer(R"({"prompt": "a"})")["content"], "a");
  EXPECT_EQ(answer(R"({"prompt": "a", "model": "m", "n_predict": 3})")["content"], "a");
}

TEST(LlamaCompletionTest, Stream) {
  const Asked asked = ask("\"Day\"", R"(, "stream": true)");
  std::string out = asked.writer->begin(heading());
  out += asked.writer->piece({.text = "a\n", .tokens = {7, 8}});
  out += asked.writer->end_of_choice({.finish = Finish::length, .timings = kTimings});
  const std::vector<Json> all = events(out += asked.writer->end({}));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], Json::parse(R"({"index": 0, "content": "a\n", "tokens": [7, 8], "stop": false, "id_slot": -1,
                                    "tokens_predicted": 2, "tokens_evaluated": 3})"));
  EXPECT_EQ(all[1]["content"], "");
  EXPECT_EQ(all[1]["stop"], true);
  EXPECT_EQ(all[1]["stop_type"], "limit");
  EXPECT_EQ(all[1]["has_new_line"], true);
  EXPECT_EQ(all[1]["prompt"], "Day");
  EXPECT_EQ(all[1]["tokens_cached"], 4);
  EXPECT_EQ(all[1]["timings"]["prompt_per_second"], 500);
  EXPECT_EQ(all[1]["generation_settings"]["stream"], true);
}

TEST(LlamaCompletionTest, SeveralAnswersInBetweenEachOther) {
  const Asked asked = ask(R"(["Day", "Night"])", R"(, "n_cmpl": 2, "stream": true)");
  EXPECT_EQ(asked.request.n, 2);
  ResponseMeta meta = heading();
  meta.prompts.push_back({.tokens = {4, 5}, .text = "Night"});
  meta.answers_per_prompt = 2;
  std::string out = asked.writer->begin(meta);
  out += asked.writer->piece({.choice = 3, .text = "a\n", .tokens = {7, 8}});
  out += asked.writer->piece({.choice = 1, .text = "b", .tokens = {9}});
  out += asked.writer->piece({.choice = 3, .text = "c", .tokens = {7}});
  out += asked.writer->end_of_choice({.choice = 1, .timings = kTimings});
  out += asked.writer->end_of_choice({.choice = 3, .timings = kTimings});
  const std::vector<Json> all = events(out);
  std::vector<std::pair<int, int>> counts;
  for (const Json& event : all) counts.emplace_back(event["tokens_predicted"], event["tokens_evaluated"]);
  EXPECT_THAT(counts, ElementsAre(std::pair(2, 2), std::pair(1, 3), std::pair(3, 2), std::pair(2, 3), std::pair(2, 2)));
  EXPECT_EQ(all[3]["prompt"], "Day");
  EXPECT_EQ(all[3]["has_new_line"], false);
  EXPECT_EQ(all[4]["prompt"], "Night");
  EXPECT_EQ(all[4]["has_new_line"], true);
}

TEST(LlamaCompletionTest, WholeOfOnePromptIsAnObject) {
  const Asked asked = ask("\"Day\"", R"(, "n_probs": 1, "return_tokens": true)");
  const TokenLogprob token{.text = "a", .logprob = -1, .top = {{.text = "b", .logprob = -0.5, .id = 9}}, .id = 7};
  const Json whole = asked.writer->whole(
      {.meta = heading(),
       .choices = {{.text = "a", .logprobs = {token}, .stop_string = "x", .tokens = {7}, .timings = kTimings}}});
  EXPECT_EQ(whole["tokens"], Json::parse("[7]"));
  EXPECT_EQ(whole["stop_type"], "word");
  EXPECT_EQ(whole["stopping_word"], "x");
  EXPECT_EQ(whole["completion_probabilities"], Json::parse(R"([{"id": 7, "token": "a", "bytes": [97], "logprob": -1.0,
                             "top_logprobs": [{"id": 9, "token": "b", "bytes": [98], "logprob": -0.5}]}])"));
}

TEST(LlamaCompletionTest, ProbabilitiesBehindTheSamplers) {
  const TokenLogprob token{.text = "a", .logprob = 0, .top = {{.text = "a", .logprob = 0, .id = 7}}, .id = 7};
  const Json wanted = Json::parse(R"([{"id": 7, "token": "a", "bytes": [97], "prob": 1.0,
                       "top_probs": [{"id": 7, "token": "a", "bytes": [97], "prob": 1.0}]}])");
  const Answer answer{.meta = heading(), .choices = {{.text = "a", .logprobs = {token}}}};
  const Asked asked = ask("\"Day\"", R"(, "n_probs": 1, "post_sampling_probs": true)");
  EXPECT_TRUE(asked.request.after_sampling);
  EXPECT_EQ(asked.writer->whole(answer)["completion_probabilities"], wanted);
  const auto of_openai = [&](const Asked& one) { return one.writer->whole(answer)["choices"][0]["logprobs"]; };
  EXPECT_EQ(of_openai(read_completion(Json::parse(R"({"prompt": "a", "logprobs": 1, "post_sampling_probs": true})"))),
            Json({{"content", wanted}}));
  EXPECT_EQ(of_openai(read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "a"}],
                "logprobs": true, "post_sampling_probs": true})"))),
            Json({{"content", wanted}}));
}

TEST(LlamaCompletionTest, SettingsAreThoseThatTheAnswerIsMadeWith) {
  const Asked asked = ask("\"Day\"", R"(, "n_predict": 3, "grammar": "root ::= [a-z]")");
  ResponseMeta meta = heading();
  meta.sampling.emplace();
  meta.sampling->top_k = 7;
  meta.sampling->grammar = "another";
  meta.adapter_scales = {0.5F, 0};
  meta.prompts.front().most_tokens = 2;  // the server's own limit
  const Json settings = asked.writer->whole({.meta = meta, .choices = {{.text = "a"}}})["generation_settings"];
  EXPECT_EQ(settings["top_k"], 7);
  EXPECT_EQ(settings["n_predict"], 2);
  EXPECT_EQ(settings["max_tokens"], 2);
  EXPECT_EQ(settings["lora"], Json::parse(R"([{"id": 0, "scale": 0.5}, {"id": 1, "scale": 0.0}])"));
  EXPECT_EQ(settings["grammar"], "root ::= [a-z]");
}

TEST(LlamaCompletionTest, SettingsNameTheBiasesAsLlamaServerDoes) {
  const Asked asked = ask("\"Day\"", R"(, "logit_bias": [[5, -1], [6, false]], "timings_per_token": true)");
  ResponseMeta meta = heading();
  meta.sampling = asked.request.sampling;
  const Json settings = asked.writer->whole({.meta = meta, .choices = {{.text = "a"}}})["generation_settings"];
  EXPECT_EQ(settings["logit_bias"], Json::parse(R"([{"bias": -1.0, "token": 5}, {"bias": null, "token": 6}])"));
  EXPECT_EQ(settings["timings_per_token"], true);
}

TEST(LlamaCompletionTest, OnlyTheFieldsThatWereAskedFor) {
  const Asked asked =
      ask(R"(["a", "b"])", R"(, "n_predict": 3, "response_fields": ["content", "generation_settings/n_predict", "x"])");
  const Json whole = asked.writer->whole({.meta = heading(), .choices = {{.text = "c"}, {.text = "d"}}});
  EXPECT_EQ(whole, Json::parse(R"([{"content": "c", "generation_settings/n_predict": 3},
                                   {"content": "d", "generation_settings/n_predict": 3}])"));
}

TEST(LlamaInfillTest, TextsAroundTheGap) {
  const Asked asked = read_llama_infill(Json::parse(R"({"input_prefix": "a", "input_suffix": "b", "prompt": "c",
    "input_extra": [{"filename": "f", "text": "t"}, {"text": "u"}], "n_predict": 8})"));
  const auto& gap = std::get<InfillPrompt>(asked.request.prompt);
  EXPECT_EQ(gap.prefix + gap.suffix + gap.prompt, "abc");
  EXPECT_EQ(gap.extra,
            (std::vector<InfillPrompt::Extra>{{.filename = "f", .text = "t"}, {.filename = "tmp", .text = "u"}}));
  expect_problem("input_suffix", "is missing",
                 [] { return read_llama_infill(Json::parse(R"({"input_prefix": "a"})")); });
  expect_problem("input_extra", "must be a list", [] {
    return read_llama_infill(Json::parse(R"({"input_prefix": "", "input_suffix": "", "input_extra": 1})"));
  });
}

TEST(RankRequestTest, TextsAreAskedAboutAsABareList) {
  const RankRequest request =
      read_rank_request(Json::parse(R"({"query": "q", "texts": ["a", "b"], "return_text": true})"));
  EXPECT_TRUE(request.bare_list);
  EXPECT_EQ(rank_answer(request, "m", {{.document = 1, .score = 0.5}}, 3),
            Json::parse(R"([{"index": 1, "score": 0.5, "text": "b"}])"));
}

TEST(LlamaEmbeddingTest, ContentAndAnswer) {
  EXPECT_EQ(read_llama_embedding(Json::parse(R"({"content": ["a", "b"]})")).inputs.size(), 2U);
  EXPECT_EQ(llama_embedding_answer({{0.5F}}, 1), Json::parse(R"([{"index": 0, "embedding": [[0.5]]}])"));
  EXPECT_EQ(llama_embedding_answer({{0.5F, 1, 2, 3}}, 2),
            Json::parse(R"([{"index": 0, "embedding": [[0.5, 1.0], [2.0, 3.0]]}])"));
}

}  // namespace
}  // namespace plimsoll::api
