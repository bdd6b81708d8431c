#include <gtest/gtest.h>

#include "api/dialect.hpp"

#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "golden.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;
using test::kMeta;
using test::kUsage;

Json request(const std::string& prompt, const std::string& more = "") {
  return Json::parse(R"({"prompt": )" + prompt + more + "}");
}

std::vector<RawPrompt> prompts(const std::string& prompt) {
  return std::get<std::vector<RawPrompt>>(read_completion(request(prompt)).request.prompt);
}

TEST(CompletionsTest, EveryFormOfAPrompt) {
  using Tokens = std::vector<engine::Token>;
  EXPECT_EQ(prompts("\"a\""), (std::vector<RawPrompt>{"a"}));
  EXPECT_EQ(prompts("\"\""), (std::vector<RawPrompt>{""}));
  EXPECT_EQ(prompts("[1, 2]"), (std::vector<RawPrompt>{Tokens{1, 2}}));
  EXPECT_EQ(prompts(R"(["a", [1]])"), (std::vector<RawPrompt>{"a", Tokens{1}}));
  // As llama-server has it: one prompt of tokens and texts.
  EXPECT_EQ(prompts("[1, \"a\"]").size(), 1U);
  for (const char* wrong : {"[]", "1", "{}"})
    expect_problem("prompt", "'prompt'", [&] { return read_completion(request(wrong)); });
  expect_problem("prompt[1]", "must be a string or a list", [&] { return read_completion(request(R"(["a", {}])")); });
  expect_problem("prompt", "256 prompts at most",
                 [] { return read_completion({{"prompt", std::vector<std::string>(257, "a")}}); });
}

TEST(CompletionsTest, SixteenTokensWhereNothingIsSaid) {
  EXPECT_EQ(read_completion(request("\"a\"")).request.most_tokens, 16);
  EXPECT_EQ(read_completion(request("\"a\"", R"(, "max_tokens": 0)")).request.most_tokens, 0);
  for (const char* none : {R"(, "max_tokens": -1)", R"(, "max_tokens": null)", R"(, "n_predict": -2)"})
    EXPECT_EQ(read_completion(request("\"a\"", none)).request.most_tokens, std::nullopt) << none;
}

TEST(CompletionsTest, WhatIsRefusedIsNamed) {
  const auto refuse = [](const std::string& more, const std::string& field) {
    SCOPED_TRACE(more);
    expect_problem(field, "'" + field + "'", [&] { return read_completion(request("\"a\"", more)); });
  };
  refuse(R"(, "logprobs": "a")", "logprobs");
  refuse(R"(, "best_of": 0)", "best_of");
  refuse(R"(, "best_of": 2, "n": 3)", "best_of");
  refuse(R"(, "best_of": 3, "stream": true)", "best_of");
  refuse(R"(, "n_cmpl": 129)", "n_cmpl");
  const UnknownFields strict(UnknownRule::refuse);
  refuse(R"(, "messages": [])", "messages");
  EXPECT_NO_THROW((void)read_completion(request("\"a\"", R"(, "suffix": "", "best_of": 2, "n": 2, "echo": true)")));
}

TEST(CompletionsTest, HowManyAnswers) {
  const auto asked = [](const std::string& more) { return read_completion(request("\"a\"", more)).request; };
  EXPECT_EQ(asked("").n, 1);
  EXPECT_EQ(asked("").best_of, 1);
  EXPECT_EQ(asked(R"(, "n": 3)").n, 3);
  EXPECT_EQ(asked(R"(, "n": 3)").best_of, 3);
  EXPECT_EQ(asked(R"(, "n": 3, "n_cmpl": 4)").n, 4);
  EXPECT_EQ(asked(R"(, "n": 3, "best_of": 5)").best_of, 5);
  EXPECT_EQ(asked(R"(, "n": 3, "best_of": 3, "stream": true)").best_of, 3);
}

TEST(CompletionsTest, AStreamCountsEachChoiceApart) {
  const Asked asked = read_completion(request("\"a\"", R"(, "n": 2)"));
  std::string out = asked.writer->begin(kMeta);
  const auto piece = [&](std::size_t choice, const std::string& text) {
    out += asked.writer->piece({.choice = choice, .text = text, .logprobs = {{.text = text, .logprob = -1}}});
  };
  piece(0, "ab");
  piece(1, "c");
  piece(0, "d");
  piece(1, "e");
  std::vector<std::size_t> offsets;
  for (const Json& event : test::events(out))
    offsets.push_back(event["choices"][0]["logprobs"]["text_offset"][0].get<std::size_t>());
  EXPECT_EQ(offsets, (std::vector<std::size_t>{0, 0, 2, 1}));
}

TEST(CompletionsTest, LogprobsOfAnEchoedPromptComeFirst) {
  const auto tells = [](const std::string& more) {
    return read_completion(request("\"a\"", more)).request.tells_prompt;
  };
  EXPECT_TRUE(tells(R"(, "echo": true, "logprobs": 0)"));
  EXPECT_FALSE(tells(R"(, "echo": true)"));
  EXPECT_FALSE(tells(R"(, "logprobs": 1)"));
  const Asked asked = read_completion(request("\"a\"", R"(, "echo": true, "logprobs": 1)"));
  const std::vector<TokenLogprob> tokens{{.text = "<s>", .is_first = true, .shown = 0},
                                         {.text = "ab", .logprob = -1, .top = {{.text = "b", .logprob = -0.5}}},
                                         {.text = "c", .logprob = -2}};
  const Json expected = Json::parse(R"({"tokens": ["<s>", "ab", "c"], "token_logprobs": [null, -1.0, -2.0],
    "top_logprobs": [null, {"b": -0.5}, {}], "text_offset": [0, 0, 2]})");
  const Json whole =
      asked.writer->whole({.meta = kMeta, .choices = {{.text = "abc", .logprobs = tokens}}, .usage = kUsage});
  EXPECT_EQ(whole["choices"][0]["logprobs"], expected);
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "abc", .logprobs = tokens});
  EXPECT_EQ(test::events(out).front()["choices"][0]["logprobs"], expected);
}

TEST(CompletionsTest, SequenceBreakersAreAListOrItsText) {
  const auto breakers = [](const std::string& value) {
    return read_completion(request("\"a\"", R"(, "dry_sequence_breakers": )" + value))
        .request.sampling.dry_sequence_breakers;
  };
  const std::vector<std::string> expected{"\n", ":", "\""};
  EXPECT_EQ(breakers(R"(["\n", ":", "\""])"), expected);
  EXPECT_EQ(breakers(R"("[\"\\n\", \":\", \"\\\"\"]")"), expected);
  EXPECT_EQ(breakers(R"("\"\\n\", \":\", \"\\\"\"")"), expected);
  EXPECT_EQ(breakers(R"("")"), engine::SamplingParams{}.dry_sequence_breakers);
  for (const char* wrong : {R"("\\n, :")", "5", R"("[1]")", "[1]"})
    expect_problem("dry_sequence_breakers", "list of texts", [&] { return breakers(wrong); });
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  expect_problem("dry_sequence_breakers", "list of texts", [&] { return breakers('"' + deep + '"'); });
}

TEST(CompletionsTest, ASuffixMakesAGap) {
  const Asked asked = read_completion(request("\"a\"", R"(, "suffix": "b")"));
  const auto& gap = std::get<InfillPrompt>(asked.request.prompt);
  EXPECT_EQ(gap.prefix, "a");
  EXPECT_EQ(gap.suffix, "b");
  expect_problem("suffix", "one prompt",
                 [] { return read_completion(request(R"(["a", "b"])", R"(, "suffix": "c")")); });
}

TEST(CompletionsTest, Stream) {
  const Asked asked = read_completion(request("\"a\""));
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "ab", .logprobs = {{.text = "ab", .logprob = -1}}});
  out += asked.writer->piece({.text = "c", .logprobs = {{.text = "c", .logprob = -2}}});
  out += asked.writer->end_of_choice({.finish = Finish::length});
  expect_golden("api/golden/completion.sse", test::without_version(out += asked.writer->end(kUsage)));
}

TEST(CompletionsTest, Whole) {
  const Asked asked = read_completion(request("\"a\""));
  const Json whole = asked.writer->whole(
      {.meta = kMeta,
       .choices = {{.text = "ab", .logprobs = {{.text = "a", .logprob = -1}, {.text = "b", .logprob = -2}}},
                   {.text = "c"}},
       .usage = kUsage});
  EXPECT_EQ(whole["object"], "text_completion");
  EXPECT_EQ(whole["choices"][0]["logprobs"]["text_offset"], Json::parse("[0, 1]"));
  EXPECT_EQ(whole["choices"][1]["text"], "c");
  EXPECT_EQ(whole["choices"][1]["index"], 1);
  EXPECT_TRUE(whole["choices"][1]["logprobs"].is_null());
}

}  // namespace
}  // namespace plimsoll::api
