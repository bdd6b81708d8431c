#include <gtest/gtest.h>

#include "api/dialect.hpp"

#include "expect_problem.hpp"
#include "golden.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;
using test::kHeading;
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
  refuse(R"(, "surprise": 1)", "surprise", "unknown field 'surprise'");
  refuse(R"(, "n": 0)", "n", "from 1 to 128");
  refuse(R"(, "functions": [])", "functions", "use 'tools'");
  refuse(R"(, "modalities": ["audio"])", "modalities", "answers are text");
  refuse(R"(, "top_logprobs": 3)", "top_logprobs", "needs 'logprobs'");
  refuse(R"(, "top_logprobs": 21, "logprobs": true)", "top_logprobs", "from 0 to 20");
  refuse(R"(, "stream": "yes")", "stream", "must be true or false");
  refuse(R"(, "tools": [{"type": "web_search"}])", "tools[0].type", "must be 'function'");
  refuse(R"(, "tool_choice": "required")", "tool_choice", "no functions");
  refuse(R"(, "max_tokens": -1)", "max_tokens", "whole number");
  expect_problem("messages", "is missing", [] { return read_chat_completion(Json::object()); });
  expect_problem("messages", "at least one", [] { return read_chat_completion(Json::parse(R"({"messages": []})")); });
  const auto message = [](const char* text) {
    return [text] { return read_chat_completion({{"messages", Json::array({Json::parse(text)})}}); };
  };
  expect_problem("messages[0].role", "is 'captain'", message(R"({"role": "captain", "content": "x"})"));
  expect_problem("messages[0].content[0].type", "only text is understood",
                 message(R"({"role": "user", "content": [{"type": "image_url", "image_url": {}}]})"));
  expect_problem("messages[0].tool_call_id", "is missing", message(R"({"role": "tool", "content": "x"})"));
  expect_problem("messages[0].x", "unknown field", message(R"({"role": "user", "content": "x", "x": 1})"));
}

TEST(ChatCompletionsTest, Stream) {
  const Asked asked = read_chat_completion(request(R"(, "stream_options": {"include_usage": true})"));
  std::string out = asked.writer->begin(kHeading);
  out += asked.writer->piece({.choice = 0, .text = "Ah\xC3\xAF"});
  out += asked.writer->piece({.choice = 0, .tool_calls = {test::weather_call()}});
  out += asked.writer->end_of_choice({.choice = 0, .finish = Finish::tool_calls});
  out += asked.writer->end_of_choice({.choice = 1, .finish = Finish::length});
  expect_golden("api/golden/chat_completion.sse", out += asked.writer->end(kUsage));
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
      {.meta = kHeading,
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
