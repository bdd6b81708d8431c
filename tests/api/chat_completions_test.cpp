#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/dialect.hpp"

#include "api/text_request.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "golden.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;
using test::kMeta;
using test::kUsage;

Json request(const std::string& more = "") {
  return Json::parse(R"({"messages": [{"role": "user", "content": "hi"}])" + more + "}");
}

const ChatPrompt& chat(const Asked& asked) { return std::get<ChatPrompt>(asked.request.prompt); }

TEST(ChatCompletionsTest, TheLeastRequest) {
  const Asked asked = read_chat_completion(request());
  EXPECT_EQ(chat(asked).messages.at(0).content, "hi");
  EXPECT_EQ(asked.request.n, 1);
  EXPECT_FALSE(asked.request.stream);
  EXPECT_EQ(asked.request.most_tokens, std::nullopt);
  EXPECT_TRUE(asked.request.schema.is_null());
}

TEST(ChatCompletionsTest, EverythingAtOnce) {
  const Asked asked = read_chat_completion(Json::parse(R"({
    "model": "mate", "n": 2, "max_tokens": 5, "max_completion_tokens": 9, "stop": ["a", "b"], "stream": true,
    "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3, "temperature": 0,
    "response_format": {"type": "json_object"}, "user": "me", "store": false, "parallel_tool_calls": false,
    "tool_choice": "auto", "tools": [{"type": "function", "function": {"name": "weather"}}],
    "messages": [
      {"role": "developer", "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "brief"}]},
      {"role": "assistant", "content": null, "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Ulm\"}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "rain"}]})"));
  const TextRequest& got = asked.request;
  EXPECT_EQ(got.model, "mate");
  EXPECT_EQ(got.n, 2);
  EXPECT_EQ(got.most_tokens, 9);
  EXPECT_EQ(got.stop_strings.size(), 2U);
  EXPECT_TRUE(got.stream);
  EXPECT_EQ(got.top_logprobs, 3U);
  EXPECT_EQ(got.sampling.temperature, 0);
  const std::vector<engine::ChatMessage>& messages = chat(asked).messages;
  EXPECT_EQ(messages.at(0).role, "system");
  EXPECT_EQ(messages.at(0).content, "be brief");
  EXPECT_EQ(messages.at(1).extra["tool_calls"][0]["function"]["arguments"]["city"], "Ulm");
  EXPECT_EQ(messages.at(2).extra["tool_call_id"], "c1");
  EXPECT_FALSE(chat(asked).parallel_tool_calls);
  EXPECT_EQ(chat(asked).tools.at(0)["function"]["parameters"]["type"], "object");
}

TEST(ChatCompletionsTest, WhatIsRefusedIsNamed) {
  const auto refuse = [](const std::string& more, const std::string& field, const std::string& words) {
    SCOPED_TRACE(more);
    expect_problem(field, words, [&] { return read_chat_completion(request(more)); });
  };
  refuse(R"(, "n": 0)", "n", "from 1 to 128");
  refuse(R"(, "functions": {"a": 1})", "functions", "must be a list");
  refuse(R"(, "top_logprobs": 3)", "top_logprobs", "needs 'logprobs'");
  refuse(R"(, "top_logprobs": 21, "logprobs": true)", "top_logprobs", "from 0 to 20");
  refuse(R"(, "stream": "yes")", "stream", "must be true or false");
  refuse(R"(, "tool_choice": "required")", "tool_choice", "no functions");
  refuse(R"(, "max_tokens": -5)", "max_tokens", "whole number");
  refuse(R"(, "continue_final_message": true)", "continue_final_message", "last message");
  expect_problem("messages", "is missing", [] { return read_chat_completion(Json::object()); });
  expect_problem("messages", "at least one", [] { return read_chat_completion(Json::parse(R"({"messages": []})")); });
  const auto message = [](const char* text) {
    return [text] { return read_chat_completion({{"messages", Json::array({Json::parse(text)})}}); };
  };
  expect_problem("messages[0].role", "is 'captain'", message(R"({"role": "captain", "content": "x"})"));
  expect_problem("messages[0].content[0].image_url.url", "is missing",
                 message(R"({"role": "user", "content": [{"type": "image_url", "image_url": {}}]})"));
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("messages[0].x", "unknown field", message(R"({"role": "user", "content": "x", "x": 1})"));
  refuse(R"(, "surprise": 1)", "surprise", "unknown field 'surprise'");
  refuse(R"(, "modalities": ["audio"])", "modalities", "answers are text");
  refuse(R"(, "tools": [{"type": "web_search"}])", "tools[0].type=web_search", "not run here");
}

TEST(ChatCompletionsTest, GranitesRolesAreTheTemplates) {
  const Asked asked = read_chat_completion(Json::parse(R"({"messages": [{"role": "control", "content": "thinking"},
    {"role": "document", "content": "a"}, {"role": "document 2", "content": "b"}, {"role": "user", "content": "c"}]})"));
  std::vector<std::string> roles;
  for (const engine::ChatMessage& message : chat(asked).messages) roles.push_back(message.role);
  EXPECT_EQ(roles, (std::vector<std::string>{"control", "document", "document 2", "user"}));
}

TEST(ChatCompletionsTest, WhatIsNotDoneIsIgnoredAndNamed) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked = read_chat_completion(Json::parse(R"({"surprise": 1, "modalities": ["audio"], "user": "me",
    "tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "a", "x": 1}}],
    "messages": [{"role": "user", "content": [{"type": "hologram"}, {"type": "text", "text": "hi"}], "y": 2}]})"));
  EXPECT_EQ(unknown.ignored(),
            (std::vector<std::string>{"messages[].content[].type=hologram", "messages[].y", "tools[].type=web_search",
                                      "tools[].function.x", "modalities", "surprise"}));
  EXPECT_EQ(chat(asked).messages.at(0).content, "hi");
  EXPECT_EQ(chat(asked).tools.size(), 1U);
}

// In the middle of a history nobody can take them out again.
TEST(ChatCompletionsTest, WordsStandForPicturesThatAToolGave) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked = read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "a"},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "seen: "},
      {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}]})"));
  EXPECT_EQ(chat(asked).messages.at(2).content, "seen: [image_url left out: this model reads text]");
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"messages[].content[].type=image_url"}));
}

TEST(ChatCompletionsTest, AChoiceOfWhatIsNotRunHereIsIgnoredAsItIs) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked =
      read_chat_completion(request(R"(, "tools": [{"type": "web_search"}], "tool_choice": "required")"));
  EXPECT_EQ(chat(asked).tool_choice.kind, ToolChoice::Kind::automatic);
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"tools[].type=web_search", "tool_choice"}));
  expect_problem("tool_choice", "no function 'b'", [] {
    return read_chat_completion(
        request(R"(, "tools": [{"type": "web_search"}, {"type": "function", "function": {"name": "a"}}],
                    "tool_choice": {"type": "function", "function": {"name": "b"}})"));
  });
}

TEST(ChatCompletionsTest, SomeOfTheToolsMayBeCalled) {
  const auto choice = [](const char* given) {
    return chat(read_chat_completion(request(std::string(R"(, "tools": [{"type": "function", "function": {"name": "a"}},
                                               {"type": "function", "function": {"name": "b"}}], "tool_choice": )") +
                                             given)))
        .tool_choice;
  };
  const ToolChoice some = choice(R"({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
    {"type": "function", "function": {"name": "b"}}, {"type": "function", "function": {"name": "gone"}}]}})");
  EXPECT_EQ(some.kind, ToolChoice::Kind::required);
  EXPECT_EQ(some.allowed, std::vector<std::string>{"b"});
  EXPECT_EQ(
      choice(R"({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]})").allowed,
      std::vector<std::string>{"a"});
  EXPECT_EQ(choice(R"({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "web_search"}]})").kind,
            ToolChoice::Kind::none);
  expect_problem("tool_choice", "no function 'c'", [&] {
    return choice(R"({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "c"}]})");
  });
}

// As most servers for local models take it.
TEST(ChatCompletionsTest, AResultMayLackItsCallsId) {
  const Asked asked = read_chat_completion(Json::parse(R"({"messages": [{"role": "tool", "content": "x"}]})"));
  EXPECT_EQ(chat(asked).messages.at(0).role, "tool");
}

TEST(ChatCompletionsTest, AChoiceInAnthropicsShape) {
  using Kind = ToolChoice::Kind;
  const auto choice = [](const char* given) {
    return chat(read_chat_completion(
                    request(fmt::format(R"(, "tools": [{{"type": "function", "function": {{"name": "a"}}}}],
                                            "tool_choice": {})",
                                        given))))
        .tool_choice;
  };
  EXPECT_EQ(choice(R"({"type": "auto"})").kind, Kind::automatic);
  EXPECT_EQ(choice(R"({"type": "none"})").kind, Kind::none);
  EXPECT_EQ(choice(R"({"type": "any"})").kind, Kind::required);
  EXPECT_EQ(choice(R"({"type": "tool", "name": "a"})").name, "a");
}

TEST(ChatCompletionsTest, ASamplerThatIsNoMoreIsIgnoredByName) {
  const UnknownFields unknown(UnknownRule::ignore);
  const auto read = [](const char* list) {
    return read_chat_completion(request(std::string(R"(, "samplers": )") + list)).request;
  };
  EXPECT_EQ(read(R"(["top_k", "tfs_z", "temperature"])").sampling.samplers,
            (std::vector<std::string>{"top_k", "temperature"}));
  EXPECT_EQ(read(R"("kft")").sampling.samplers, (std::vector<std::string>{"top_k", "temperature"}));
  EXPECT_FALSE(read(R"(["tfs_z"])").sampling_given.contains("samplers"));
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"samplers=tfs_z"}));
}

// Each answer has a sampler of its own, which these lists are copied into and searched in.
TEST(ChatCompletionsTest, ListsOfTokensAndSamplersAreBounded) {
  const auto read = [](const char* name, const Json& list) {
    return read_chat_completion(request(fmt::format(R"(, "{}": {})", name, list.dump()))).request;
  };
  const auto of = [](std::size_t count, const Json& one) { return Json(std::vector<Json>(count, one)); };
  const Json pair = Json::array({1, 5});
  EXPECT_EQ(read("logit_bias", of(kMostNamedTokens, pair)).sampling.logit_bias.size(), kMostNamedTokens);
  EXPECT_EQ(read("stop_token_ids", of(kMostNamedTokens, 1)).stop_tokens.size(), kMostNamedTokens);
  EXPECT_EQ(read("samplers", of(kMostSamplers, "top_k")).sampling.samplers.size(), kMostSamplers);
  EXPECT_EQ(read("dry_sequence_breakers", of(kMostBreakers, "a")).sampling.dry_sequence_breakers.size(), kMostBreakers);
  const auto is_refused = [&](const char* name, const Json& list) {
    expect_problem(name, "at most", [&] { return read(name, list); });
  };
  is_refused("logit_bias", of(kMostNamedTokens + 1, pair));
  is_refused("stop_token_ids", of(kMostNamedTokens + 1, 1));
  is_refused("samplers", of(kMostSamplers + 1, "top_k"));
  is_refused("samplers", Json(std::string(kMostSamplers + 1, 'k')));
  is_refused("dry_sequence_breakers", of(kMostBreakers + 1, "a"));
}

TEST(ChatCompletionsTest, OthersNamesOfTheSame) {
  const auto read = [](const std::string& more) { return read_chat_completion(request(more)).request; };
  EXPECT_EQ(read(R"(, "n_predict": 7)").most_tokens, 7);
  EXPECT_EQ(read(R"(, "max_new_tokens": 7)").most_tokens, 7);
  EXPECT_EQ(read(R"(, "max_tokens": -1)").most_tokens, std::nullopt);
  EXPECT_EQ(read(R"(, "max_tokens": null)").most_tokens, std::nullopt);
  EXPECT_EQ(read(R"(, "min_tokens": 3)").least_tokens, 3);
  EXPECT_EQ(read(R"(, "stop_token_ids": [1, 2])").stop_tokens, (std::vector<engine::Token>{1, 2}));
  EXPECT_EQ(read(R"(, "stop": "a", "stop_sequences": ["b"])").stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read(R"(, "repetition_penalty": 1.5)").sampling.penalty_repeat, 1.5F);
  EXPECT_EQ(read(R"(, "typ_p": 0.5)").sampling.typical_p, 0.5F);
  EXPECT_EQ(read(R"(, "random_seed": 7)").sampling.seed, 7U);
  EXPECT_EQ(read(R"(, "do_sample": false, "temperature": 1)").sampling.temperature, 0);
  EXPECT_EQ(read(R"(, "samplers": ["top_k", "temp"])").sampling.samplers, (std::vector<std::string>{"top_k", "temp"}));
  EXPECT_EQ(read(R"(, "samplers": "kt")").sampling.samplers, (std::vector<std::string>{"top_k", "temperature"}));
  EXPECT_EQ(read(R"(, "thinking_budget": 5)").most_thought_tokens, 5);
  EXPECT_EQ(read(R"(, "thinking": {"type": "enabled", "budget_tokens": 6})").most_thought_tokens, 6);
  EXPECT_EQ(read(R"(, "reasoning": {"max_tokens": 6})").most_thought_tokens, 6);
  EXPECT_TRUE(read(R"(, "reasoning_format": "none")").thoughts_as_text);
  EXPECT_TRUE(read(R"(, "timings_per_token": true)").tells_times);
  EXPECT_TRUE(read(R"(, "return_progress": true)").tells_progress);
  EXPECT_EQ(read(R"(, "logit_bias": [[7, -1], ["aye", false]])").text_biases.at(0).text, "aye");
  EXPECT_EQ(read(R"(, "logit_bias": {"aye": 5, "7": 1})").sampling.logit_bias.at(0).token, 7);
}

TEST(ChatCompletionsTest, FormsInEverybodysWords) {
  const auto schema = [](const std::string& more) { return read_chat_completion(request(more)).request.schema; };
  const auto grammar = [](const std::string& more) {
    return read_chat_completion(request(more)).request.sampling.grammar;
  };
  const Json wanted{{"type", "string"}};
  EXPECT_EQ(schema(R"(, "json_schema": {"type": "string"})"), wanted);
  EXPECT_EQ(schema(R"(, "guided_json": {"type": "string"})"), wanted);
  EXPECT_EQ(schema(R"(, "guided_json": "{\"type\": \"string\"}")"), wanted);
  EXPECT_EQ(schema(R"(, "format": {"type": "string"})"), wanted);
  EXPECT_EQ(schema(R"(, "format": "json")"), Json::parse(R"({"type": "object"})"));
  EXPECT_EQ(schema(R"(, "structured_outputs": {"json": {"type": "string"}})"), wanted);
  for (const char* form :
       {R"({"type": "json_object", "schema": {"type": "string"}})",
        R"({"type": "json_object", "value": {"type": "string"}})", R"({"type": "json", "value": {"type": "string"}})"})
    EXPECT_EQ(schema(std::string(R"(, "response_format": )") + form), wanted) << form;
  EXPECT_EQ(schema(R"(, "response_format": {"type": "json_object"}, "json_schema": {"type": "string"})"), wanted);
  EXPECT_EQ(grammar(R"(, "guided_choice": ["aye", "no"])"), "root ::= (\"aye\" | \"no\")\n");
  EXPECT_EQ(grammar(R"(, "guided_regex": "[ab]{2}")"), grammar(R"(, "structured_outputs": {"regex": "^[ab]{2}$"})"));
  EXPECT_EQ(grammar(R"(, "guided_regex": "[ab]{2}")"), grammar(R"(, "regex": "[ab]{2}")"));
  EXPECT_EQ(grammar(R"(, "guided_regex": "[ab]{2}")"),
            grammar(R"(, "response_format": {"type": "regex", "pattern": "[ab]{2}"})"));
  EXPECT_EQ(grammar(R"(, "ebnf": "root ::= \"a\"")"), "root ::= \"a\"");
  expect_problem("guided_json", "another schema",
                 [&] { return schema(R"(, "json_schema": {"type": "string"}, "guided_json": {"type": "number"})"); });
  expect_problem("guided_regex", "cannot be followed", [&] { return grammar(R"(, "guided_regex": "(?=b)a")"); });
}

// Values are copied and rendered by recursion: one that is deep enough would end the process.
TEST(ChatCompletionsTest, JsonInAStringIsNoDeeperThanOther) {
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  for (const std::string key : {"guided_json", "json_schema"}) {
    expect_problem(key, "nested too deep",
                   [&] { return read_chat_completion(request(", \"" + key + "\": \"" + deep + "\"")); });
  }
  const Asked asked = read_chat_completion(Json::parse(
      R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "steer", "arguments": ")" + deep +
      R"("}}]}]})"));
  EXPECT_EQ(chat(asked).messages.at(0).extra["tool_calls"][0]["function"]["arguments"], deep);  // a text, like any
}

TEST(ChatCompletionsTest, ThoughtsInEverybodysWords) {
  const auto values = [](const std::string& more) { return chat(read_chat_completion(request(more))).template_values; };
  const Json off{{"enable_thinking", false}};
  for (const char* more : {R"(, "enable_thinking": false)", R"(, "think": false)", R"(, "reasoning_effort": "none")",
                           R"(, "thinking": {"type": "disabled"})", R"(, "reasoning": {"enabled": false})",
                           R"(, "think": true, "chat_template_kwargs": {"enable_thinking": false})"})
    EXPECT_EQ(values(more), off) << more;
  for (const char* more : {R"(, "think": "low")", R"(, "reasoning": {"effort": "low"})"})
    EXPECT_EQ(values(more), Json::parse(R"({"reasoning_effort": "low"})")) << more;
  for (const char* key : {"reasoning_content", "reasoning", "thinking"}) {
    const Asked asked = read_chat_completion(
        {{"messages", {{{"role", "assistant"}, {"content", "a"}, {key, "hm"}}, {{"role", "user"}, {"content", "b"}}}}});
    EXPECT_EQ(chat(asked).messages.at(0).extra["reasoning_content"], "hm") << key;
  }
}

TEST(ChatCompletionsTest, ALastMessageOfTheModelsIsGoneOnWith) {
  const auto read = [](const std::string& more) {
    return chat(read_chat_completion(Json::parse(
        R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])" + more + "}")));
  };
  EXPECT_TRUE(read("").goes_on);
  EXPECT_TRUE(read(R"(, "add_generation_prompt": false, "continue_final_message": true)").goes_on);
  EXPECT_FALSE(read(R"(, "add_generation_prompt": true)").goes_on);
  EXPECT_FALSE(read(R"(, "continue_final_message": false, "add_generation_prompt": false)").add_generation_prompt);
  expect_problem("continue_final_message", "cannot both",
                 [&] { return read(R"(, "add_generation_prompt": true, "continue_final_message": true)"); });
}

TEST(ChatCompletionsTest, TheFormBeforeThereWereTools) {
  const Asked asked = read_chat_completion(Json::parse(R"({"functions": [{"name": "weather", "parameters": {}}],
    "function_call": {"name": "weather"}, "messages": [{"role": "user", "content": "a"},
    {"role": "assistant", "content": null, "function_call": {"name": "weather", "arguments": "{}"}},
    {"role": "function", "name": "weather", "content": "rain"}]})"));
  EXPECT_EQ(chat(asked).tools[0]["function"]["name"], "weather");
  EXPECT_EQ(chat(asked).tool_choice.name, "weather");
  EXPECT_FALSE(chat(asked).parallel_tool_calls);
  EXPECT_EQ(chat(asked).messages.at(1).extra["tool_calls"][0]["function"]["name"], "weather");
  EXPECT_EQ(chat(asked).messages.at(2).role, "tool");
  const Json whole =
      asked.writer->whole({.choices = {{.tool_calls = {test::weather_call()}, .finish = Finish::tool_calls}}});
  EXPECT_EQ(whole["choices"][0]["message"]["function_call"].dump(),
            R"({"name":"weather","arguments":"{\"city\":\"Ulm\"}"})");
  EXPECT_EQ(whole["choices"][0]["finish_reason"], "function_call");
}

TEST(ChatCompletionsTest, TimesInLlamaServersWords) {
  const Asked asked = read_chat_completion(request());
  const Timings timings{.cached = 1, .prompt = 4, .prompt_ms = 2, .predicted = 3, .predicted_ms = 6, .drafted = 2};
  const Json whole = asked.writer->whole({.choices = {{.text = "a"}}, .usage = {.timings = timings}});
  EXPECT_EQ(whole["timings"]["prompt_per_second"], 2000);
  EXPECT_EQ(whole["timings"]["predicted_per_token_ms"], 2);
  EXPECT_EQ(whole["timings"]["draft_n"], 2);
  const Json piece = test::events(asked.writer->piece({.text = "a", .timings = timings})).back();
  EXPECT_EQ(piece["timings"]["cache_n"], 1);
  const Json progress = test::events(asked.writer->progress({.total = 9, .cached = 2, .processed = 5})).back();
  EXPECT_EQ(progress["prompt_progress"].dump(), R"({"total":9,"cache":2,"processed":5,"time_ms":0})");
}

TEST(ChatCompletionsTest, Stream) {
  const Asked asked = read_chat_completion(request(R"(, "stream_options": {"include_usage": true})"));
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.choice = 0, .text = "Ah\xC3\xAF"});
  out += asked.writer->piece({.choice = 0, .tool_calls = {test::weather_call()}});
  out += asked.writer->end_of_choice({.choice = 0, .finish = Finish::tool_calls});
  out += asked.writer->end_of_choice({.choice = 1, .finish = Finish::length});
  expect_golden("api/golden/chat_completion.sse", test::without_version(out += asked.writer->end(kUsage)));
}

// Pieces of several choices come in between each other.
TEST(ChatCompletionsTest, EachChoiceOfAStreamOpensOnceAndCountsItsOwnCalls) {
  const Asked asked =
      read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "hi"}], "n": 2, "stream": true})"));
  std::string out = asked.writer->begin(test::kMeta);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t choice : {1U, 0U})
      out += asked.writer->piece({.choice = choice, .tool_calls = {test::weather_call()}});
  }
  std::vector<std::string> told;
  for (const Json& event : test::events(out)) {
    const Json& choice = event["choices"][0];
    const Json& delta = choice["delta"];
    told.push_back(choice["index"].dump() +
                   (delta.contains("role") ? " opens" : delta["tool_calls"][0]["index"].dump()));
  }
  EXPECT_EQ(told, (std::vector<std::string>{"1 opens", "10", "0 opens", "00", "11", "01"}));
}

TEST(ChatCompletionsTest, AFailureInTheStreamIsAnEvent) {
  const Asked asked = read_chat_completion(request());
  EXPECT_EQ(asked.writer->failure(Problem(500, "internal", "oh")),
            "data: {\"error\":{\"message\":\"oh\",\"type\":\"server_error\",\"param\":null,"
            "\"code\":\"internal\"}}\n\n");
}

TEST(ChatCompletionsTest, Whole) {
  const Asked asked = read_chat_completion(request());
  const Json whole = asked.writer->whole(
      {.meta = kMeta,
       .choices = {{.text = "hi",
                    .logprobs = {{.text = "hi", .logprob = -0.5, .top = {{.text = "ho", .logprob = -1}}}}},
                   {.tool_calls = {test::weather_call()}, .finish = Finish::tool_calls}},
       .usage = kUsage});
  EXPECT_EQ(whole["id"], "chatcmpl-0123abcd");
  EXPECT_EQ(whole["object"], "chat.completion");
  EXPECT_EQ(whole["choices"][0]["message"]["content"], "hi");
  EXPECT_EQ(whole["choices"][0]["logprobs"]["content"][0]["bytes"], Json::parse("[104, 105]"));
  EXPECT_EQ(whole["choices"][0]["logprobs"]["content"][0]["top_logprobs"][0]["token"], "ho");
  EXPECT_EQ(whole["choices"][1]["index"], 1);
  EXPECT_TRUE(whole["choices"][1]["message"]["content"].is_null());
  EXPECT_EQ(whole["choices"][1]["message"]["tool_calls"][0]["function"]["arguments"], R"({"city":"Ulm"})");
  EXPECT_EQ(whole["choices"][1]["finish_reason"], "tool_calls");
  EXPECT_EQ(whole["usage"]["total_tokens"], 19);
  EXPECT_EQ(whole["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
}

}  // namespace
}  // namespace plimsoll::api
