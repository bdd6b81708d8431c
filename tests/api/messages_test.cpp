#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>

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

Json request(const std::string& more = "") {
  return Json::parse(R"({"model": "mate", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}])" + more +
                     "}");
}

const ChatPrompt& chat(const Asked& asked) { return std::get<ChatPrompt>(asked.request.prompt); }

TEST(MessagesTest, TheLeastRequest) {
  const Asked asked = read_message(request());
  EXPECT_EQ(asked.request.model, "mate");
  EXPECT_EQ(asked.request.most_tokens, 9);
  ASSERT_EQ(chat(asked).messages.size(), 1U);
  EXPECT_EQ(chat(asked).messages[0].role, "user");
  EXPECT_TRUE(chat(asked).tools.is_null());
}

// Each took a copy of all before it: of ten megabytes of them, half a minute of a processor and more.
TEST(MessagesTest, AnyNumberOfThoughtsIsReadInNoTime) {
  Json turn{{"role", "assistant"}, {"content", Json::array()}};
  for (int i = 0; i < 20'000; ++i)
    turn["content"].push_back({{"type", "thinking"}, {"thinking", std::string(500, 'h')}});
  Json body = request();
  body["messages"].push_back(turn);
  const std::clock_t before = std::clock();
  const Asked asked = read_message(body);
  EXPECT_LT((std::clock() - before) / CLOCKS_PER_SEC, 10);
  EXPECT_EQ(chat(asked).messages.back().extra.at("reasoning_content").get<std::string>().size(), 10'000'000U);
}

TEST(MessagesTest, AConversationWithTools) {
  const Asked asked = read_message(Json::parse(R"({
    "max_tokens": 9, "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "weather", "description": "tells it", "input_schema": {"type": "object", "properties": {}}}],
    "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": true},
    "temperature": 1, "top_p": 0.5, "top_k": 4, "stop_sequences": ["x"], "stream": true, "metadata": {"user_id": "u"},
    "thinking": {"type": "disabled"},
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    "messages": [
      {"role": "user", "content": "Ulm?"},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Ulm"}},
        {"type": "tool_use", "id": "t2", "name": "weather", "input": {}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t1", "content": "rain"},
        {"type": "tool_result", "tool_use_id": "t2", "is_error": true,
         "content": [{"type": "text", "text": "no city"}]},
        {"type": "text", "text": "And now?"}]},
      {"role": "user", "content": "Well?"}]})"));
  const std::vector<engine::ChatMessage>& messages = chat(asked).messages;
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[0].content, "be brief");
  EXPECT_EQ(messages[2].content, "I look.");
  EXPECT_EQ(
      messages[2].extra.dump(),
      R"({"reasoning_content":"hm","tool_calls":[{"id":"t1","type":"function","function":{"name":"weather","arguments":{"city":"Ulm"}}},)"
      R"({"id":"t2","type":"function","function":{"name":"weather","arguments":{}}}]})");
  EXPECT_EQ(messages[3].role, "tool");
  EXPECT_EQ(messages[3].content, "rain");
  EXPECT_EQ(messages[3].extra["tool_call_id"], "t1");
  EXPECT_EQ(messages[4].content, "Error: no city");
  EXPECT_EQ(messages[5].content, "And now?\nWell?");  // turns of one role after each other are one
  EXPECT_EQ(chat(asked).tools.dump(), R"([{"type":"function","function":{"name":"weather","description":"tells it",)"
                                      R"("parameters":{"type":"object","properties":{}}}}])");
  EXPECT_EQ(chat(asked).tool_choice.kind, ToolChoice::Kind::required);
  EXPECT_EQ(chat(asked).tool_choice.name, "weather");
  EXPECT_FALSE(chat(asked).parallel_tool_calls);
  EXPECT_EQ(asked.request.sampling.top_k, 4);
  EXPECT_EQ(asked.request.stop_strings, (std::vector<std::string>{"x"}));
  EXPECT_EQ(asked.request.schema["type"], "object");
  EXPECT_TRUE(asked.request.stream);
}

TEST(MessagesTest, Choices) {
  using Kind = ToolChoice::Kind;
  const auto kind = [](const char* type) {
    return chat(read_message(request(fmt::format(
                    R"(, "tools": [{{"name": "a", "input_schema": {{}}}}], "tool_choice": {{"type": "{}"}})", type))))
        .tool_choice.kind;
  };
  EXPECT_EQ(kind("auto"), Kind::automatic);
  EXPECT_EQ(kind("any"), Kind::required);
  EXPECT_EQ(kind("none"), Kind::none);
  expect_problem("tool_choice.type", "must be 'auto'", [&] { return kind("required"); });
}

// As Claude Code asks for a search.
TEST(MessagesTest, AChoiceOfWhatIsNotRunHereIsIgnoredAsItIs) {
  const char* search = R"({"type": "web_search_20250305", "name": "web_search", "max_uses": 8})";
  const auto asked = [&](const char* choice) {
    return read_message(request(fmt::format(R"(, "tools": [{}], "tool_choice": {})", search, choice)));
  };
  const UnknownFields unknown(UnknownRule::ignore);
  for (const char* choice : {R"({"type": "tool", "name": "web_search"})", R"({"type": "any"})"})
    EXPECT_EQ(chat(asked(choice)).tool_choice.kind, ToolChoice::Kind::automatic) << choice;
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"tools[].type=web_search_20250305", "tool_choice"}));
  expect_problem("tool_choice", "no functions", [&] { return asked(R"({"type": "tool", "name": "other"})"); });
}

TEST(MessagesTest, WhatIsRefusedIsNamed) {
  const auto refuse = [](const std::string& more, const std::string& field, const std::string& words) {
    SCOPED_TRACE(more);
    expect_problem(field, words, [&] { return read_message(request(more)); });
  };
  refuse(R"(, "temperature": 101)", "temperature", "from 0 to 100");
  refuse(R"(, "thinking": {"type": "loud"})", "thinking.type", "must be enabled, adaptive, auto or disabled");
  refuse(R"(, "tools": [{"input_schema": {}}])", "tools[0].name", "is missing");
  refuse(R"(, "tool_choice": {"type": "any"})", "tool_choice", "no functions");
  refuse(R"(, "max_tokens": 0)", "max_tokens", "from 1");
  expect_problem("max_tokens", "is missing", [] { return read_message({{"messages", Json::array()}}); });
  const auto turn = [](const char* text) {
    return [text] { return read_message({{"max_tokens", 1}, {"messages", Json::array({Json::parse(text)})}}); };
  };
  expect_problem("messages[0].role", "must be user or assistant", turn(R"({"role": "captain", "content": "x"})"));
  expect_problem("messages[0].content[0].source.type", "is missing",
                 turn(R"({"role": "user", "content": [{"type": "image", "source": {}}]})"));
  expect_problem("messages[0].content[0].input", "must be an object", turn(R"({"role": "assistant",
                          "content": [{"type": "tool_use", "id": "1", "name": "a", "input": 1}]})"));
  expect_problem("messages[0].content[0].tool_use_id", "is missing",
                 turn(R"({"role": "user", "content": [{"type": "tool_result"}]})"));
  expect_problem("messages", "nothing that is understood", turn(R"({"role": "user", "content": []})"));
  const UnknownFields strict(UnknownRule::refuse);
  refuse(R"(, "surprise": 1)", "surprise", "unknown field 'surprise'");
  refuse(R"(, "mcp_servers": [{}])", "mcp_servers", "nothing is fetched");
  refuse(R"(, "tools": [{"type": "bash_20250124", "name": "bash"}])", "tools[0].type=bash_20250124", "not run here");
  refuse(R"(, "system": [{"type": "image"}])", "system[0].type=image", "only text");
}

TEST(MessagesTest, ADeveloperSpeaksAsTheSystem) {
  const Asked asked = read_message(Json::parse(R"({"max_tokens": 1, "messages": [
    {"role": "developer", "content": "be brief"}, {"role": "user", "content": "hi"}]})"));
  EXPECT_EQ(chat(asked).messages.at(0).role, "system");
  EXPECT_EQ(chat(asked).messages.at(0).content, "be brief");
}

TEST(MessagesTest, AnswersThatAreBegunAreGoneOnWith) {
  const Asked asked = read_message(Json::parse(R"({"max_tokens": 9, "messages": [{"role": "user", "content": "a"},
    {"role": "assistant", "content": "Well"}]})"));
  EXPECT_TRUE(chat(asked).goes_on);
}

// The shape of what Claude Code sends (anthropics/claude-code 77698 and its like).
TEST(MessagesTest, AnAgentsRequest) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked = read_message(Json::parse(R"({"model": "m", "max_tokens": 32000, "stream": true,
    "metadata": {"user_id": "u"}, "speed": "fast", "diagnostics": {}, "thinking": {"type": "enabled", "budget_tokens": 9},
    "context_management": {"edits": [{"type": "clear"}]}, "output_config": {"effort": "high", "task_budget": {"n": 1}},
    "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"},
               {"type": "text", "text": "be", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"type": "web_search_20250305", "name": "web_search"}, {"name": "Bash", "input_schema": {"type": "object"}},
              {"type": "computer_20250124", "name": "computer"}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "a"},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "b"}}]},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"}, {"type": "server_tool_use", "id": "s1", "name": "w", "input": {}},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image",
        "source": {}}, {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "c"}]}]}]},
      {"role": "system", "content": "a reminder"}]})"));
  const std::vector<engine::ChatMessage>& messages = chat(asked).messages;
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(messages[0].content, "be");
  EXPECT_EQ(messages[1].content, "a\nb");
  EXPECT_EQ(messages[2].extra["reasoning_content"], "hm");
  EXPECT_EQ(messages[3].content, "[image left out: this model reads text]c");
  EXPECT_EQ(messages[4].role, "user");
  EXPECT_EQ(messages[4].content, "a reminder");
  EXPECT_EQ(chat(asked).tools.size(), 1U);
  EXPECT_EQ(chat(asked).template_values.dump(), R"({"reasoning_effort":"high","enable_thinking":true})");
  EXPECT_EQ(asked.request.most_thought_tokens, 9);
  for (const char* name : {"tools[].type=web_search_20250305", "context_management", "speed",
                           "output_config.task_budget", "messages[].content[].type=server_tool_use"})
    EXPECT_TRUE(std::ranges::contains(unknown.ignored(), name)) << name;
}

TEST(MessagesTest, Stream) {
  const Asked asked = read_message(request());
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "I "});
  out += asked.writer->piece({.text = "look."});
  out += asked.writer->piece({.tool_calls = {test::weather_call(), test::weather_call()}});
  out += asked.writer->end_of_choice({.finish = Finish::tool_calls});
  expect_golden("api/golden/message.sse", out += asked.writer->end(kUsage));
}

TEST(MessagesTest, AStreamThatEndsAtAStopString) {
  const Asked asked = read_message(request());
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "a"});
  out += asked.writer->end_of_choice({.finish = Finish::stop, .stop_string = "END"});
  out += asked.writer->end(kUsage);
  const std::vector<Json> events = test::events(out);
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[4]["delta"].dump(), R"({"stop_reason":"stop_sequence","stop_sequence":"END"})");
}

TEST(MessagesTest, AFailureInTheStreamIsAnEvent) {
  const Asked asked = read_message(request());
  EXPECT_EQ(asked.writer->failure(Problem(503, "busy", "later")),
            "event: error\n"
            "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"later\"}}\n\n");
}

TEST(MessagesTest, ArgumentsThatAreNestedTooDeepAreText) {
  ToolCall call = test::weather_call();
  call.arguments = std::string(500'000, '[') + std::string(500'000, ']');
  const Asked asked = read_message(request());
  const Json whole = asked.writer->whole({.meta = kMeta, .choices = {{.tool_calls = {call}}}, .usage = kUsage});
  EXPECT_EQ(whole.at("content").at(0).at("input"), call.arguments);
}

// As other servers take them.
TEST(MessagesTest, CallsAndToolsWithoutArguments) {
  for (const char* none : {"", R"(, "input": null)"}) {
    const Asked asked =
        read_message(Json::parse(std::string(R"({"max_tokens": 1, "tools": [{"name": "look"}], "messages": [
      {"role": "user", "content": "Well?"},
      {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look")") +
                                 none + R"(}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "fog"}]}]})"));
    const auto& chat = std::get<ChatPrompt>(asked.request.prompt);
    EXPECT_EQ(chat.messages[1].extra["tool_calls"][0]["function"]["arguments"], Json::object());
    ASSERT_EQ(chat.tools.size(), 1U);
    EXPECT_EQ(chat.tools[0]["function"]["name"], "look");
  }
}

TEST(MessagesTest, Whole) {
  const Asked asked = read_message(request());
  EXPECT_EQ(
      asked.writer
          ->whole({.meta = kMeta,
                   .choices = {{.text = "I look.", .tool_calls = {test::weather_call()}, .finish = Finish::tool_calls}},
                   .usage = kUsage})
          .dump(),
      R"({"id":"msg_0123abcd","type":"message","role":"assistant","model":"mate","content":[)"
      R"({"type":"text","text":"I look."},)"
      R"({"type":"tool_use","id":"call_1","name":"weather","input":{"city":"Ulm"}}],)"
      R"("stop_reason":"tool_use","stop_sequence":null,)"
      R"("usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,"output_tokens":7}})");
  EXPECT_EQ(asked.writer->whole({.choices = {{.text = "a", .finish = Finish::length}}})["stop_reason"], "max_tokens");
  EXPECT_EQ(asked.writer->whole({.choices = {{.text = "a"}}})["stop_reason"], "end_turn");
}

}  // namespace
}  // namespace plimsoll::api
