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

Json request(const std::string& more = "") { return Json::parse(R"({"input": "hi")" + more + "}"); }

const ChatPrompt& chat(const Asked& asked) { return std::get<ChatPrompt>(asked.request.prompt); }

TEST(ResponsesTest, TextAlone) {
  const Asked asked = read_response(request(R"(, "instructions": "be brief", "max_output_tokens": 3)"));
  ASSERT_EQ(chat(asked).messages.size(), 2U);
  EXPECT_EQ(chat(asked).messages[0].role, "system");
  EXPECT_EQ(chat(asked).messages[1].content, "hi");
  EXPECT_EQ(asked.request.most_tokens, 3);
}

TEST(ResponsesTest, AConversationWithTools) {
  const Asked asked = read_response(Json::parse(R"({
    "tools": [{"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": true}],
    "tool_choice": {"type": "function", "name": "weather"}, "parallel_tool_calls": false, "store": false,
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"},
    "include": ["message.output_text.logprobs", "reasoning.encrypted_content"], "top_logprobs": 2,
    "reasoning": {"effort": "low"}, "truncation": "disabled", "stream": true, "metadata": {"a": "b"},
    "input": [
      {"role": "developer", "content": "be brief"},
      {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Ulm?"}]},
      {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
      {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
       "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
      {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{\"city\":\"Ulm\"}"},
      {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": ""},
      {"type": "function_call_output", "call_id": "c1", "output": "rain"},
      {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
      {"type": "function_call", "call_id": "c3", "name": "weather", "arguments": "no json"}]})"));
  const std::vector<engine::ChatMessage>& messages = chat(asked).messages;
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(messages[1].content, "Ulm?");
  EXPECT_EQ(messages[2].content, "I look.");
  EXPECT_EQ(messages[2].extra.dump(),
            R"({"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":{"city":"Ulm"}}},)"
            R"({"id":"c2","type":"function","function":{"name":"weather","arguments":{}}}]})");
  EXPECT_EQ(messages[3].role, "tool");
  EXPECT_EQ(messages[4].content, "sun");
  EXPECT_EQ(messages[5].role, "assistant");
  EXPECT_EQ(messages[5].extra["tool_calls"][0]["function"]["arguments"], "no json");
  EXPECT_EQ(chat(asked).tool_choice.name, "weather");
  EXPECT_EQ(asked.request.top_logprobs, 2U);
  EXPECT_EQ(asked.request.schema["type"], "object");
}

TEST(ResponsesTest, WhatIsRefusedIsNamed) {
  const auto refuse = [](const std::string& more, const std::string& field, const std::string& words) {
    SCOPED_TRACE(more);
    expect_problem(field, words, [&] { return read_response(request(more)); });
  };
  EXPECT_EQ(read_response(request(R"(, "previous_response_id": "resp_1")")).writer->whole({})["previous_response_id"],
            "resp_1");
  refuse(R"(, "conversation": "c")", "conversation", "'previous_response_id'");
  refuse(R"(, "prompt": {"id": "p"})", "prompt", "not kept");
  expect_problem("input", "is missing", [] { return read_response(Json::object()); });
  const auto item = [](const char* text) {
    return [text] { return read_response({{"input", Json::array({Json::parse(text)})}}); };
  };
  expect_problem("input[0].type", "not (or no more) kept", item(R"({"type": "item_reference", "id": "x"})"));
  expect_problem("input", "nothing that is understood", item(R"({"type": "computer_call"})"));
  expect_problem("input[0].role", "is 'tool'", item(R"({"role": "tool", "content": "x"})"));
  expect_problem("input[0].content[0].image_url", "is missing",
                 item(R"({"role": "user", "content": [{"type": "input_image"}]})"));
  expect_problem("input[0].call_id", "is missing", item(R"({"type": "function_call", "name": "a", "arguments": ""})"));
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("input[0].x", "unknown field", item(R"({"role": "user", "content": "a", "x": 1})"));
  refuse(R"(, "surprise": 1)", "surprise", "unknown field 'surprise'");
  refuse(R"(, "background": true)", "background", "comes at once");
  refuse(R"(, "truncation": "auto")", "truncation", "as it is");
  refuse(R"(, "include": ["file_search_call.results"])", "include=file_search_call.results", "is not here");
  refuse(R"(, "tools": [{"type": "web_search"}])", "tools[0].type=web_search", "not run here");
}

// The shape of what Codex sends (openai/codex 10635 and its like).
TEST(ResponsesTest, AnAgentsRequest) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked = read_response(Json::parse(R"({"model": "m", "instructions": "be", "stream": true, "store": false,
    "truncation": "auto", "max_tool_calls": 3, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
    "reasoning": {"effort": "medium", "summary": "auto"}, "text": {"verbosity": "low"}, "tool_choice": "auto",
    "parallel_tool_calls": true, "tools": [{"type": "function", "name": "shell", "parameters": {"type": "object"},
      "strict": false}, {"type": "web_search"}, {"type": "custom", "name": "apply_patch", "format": {"type": "grammar"}},
      {"type": "namespace", "name": "n", "tools": []}, {"type": "local_shell"}],
    "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
      {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": null},
      {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
      {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
      {"type": "local_shell_call", "id": "l1", "action": {"type": "exec", "command": ["ls"]}},
      {"type": "local_shell_call_output", "id": "l1", "output": "a.txt"}]})"));
  const std::vector<engine::ChatMessage>& messages = chat(asked).messages;
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[2].extra["reasoning_content"], "hm");
  EXPECT_EQ(messages[2].extra["tool_calls"][0]["function"]["arguments"]["input"], "*** Begin");
  EXPECT_EQ(messages[4].extra["tool_calls"][0]["id"], "l1");
  EXPECT_EQ(messages[5].content, "a.txt");
  EXPECT_EQ(chat(asked).tools.size(), 1U);
  EXPECT_EQ(unknown.ignored(),
            (std::vector<std::string>{"truncation", "max_tool_calls", "tools[].type=web_search", "tools[].type=custom",
                                      "tools[].type=local_shell", "text.verbosity"}));
}

// Codex declares an MCP server so, and wants its calls so.
TEST(ResponsesTest, FunctionsOfANamespace) {
  const Asked asked = read_response(Json::parse(R"({"tools": [
      {"type": "namespace", "name": "mcp__sky__", "description": "a server", "tools": [
        {"type": "function", "name": "weather", "parameters": {"type": "object"}}, {"type": "custom", "name": "x"}]},
      {"type": "namespace", "name": "sea", "tools": [{"type": "function", "name": "tide"}]}],
    "input": [{"role": "user", "content": "Ulm?"},
      {"type": "function_call", "call_id": "c", "namespace": "mcp__sky__", "name": "weather", "arguments": "{}"},
      {"type": "function_call_output", "call_id": "c", "output": "rain"}]})"));
  EXPECT_EQ(chat(asked).tools[0]["function"]["name"], "mcp__sky__weather");
  EXPECT_EQ(chat(asked).tools[1]["function"]["name"], "sea__tide");
  EXPECT_EQ(chat(asked).messages[1].extra["tool_calls"][0]["function"]["name"], "mcp__sky__weather");
  ToolCall call = test::weather_call();
  call.name = "mcp__sky__weather";
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.tool_calls = {call}});
  out += asked.writer->end_of_choice({.finish = Finish::tool_calls});
  (void)asked.writer->end(kUsage);
  for (const Json& event : test::events(out)) {
    EXPECT_EQ(event.value("name", "weather"), "weather") << event;
    if (event.contains("item")) {
      EXPECT_EQ(event["item"]["namespace"], "mcp__sky__");
    }
  }
  const Json item = asked.writer->items()[0];
  EXPECT_EQ(item["name"], "weather");
  EXPECT_EQ(item["namespace"], "mcp__sky__");
}

// Codex's view_image, and tools that give objects.
TEST(ResponsesTest, WhatAToolGaveIsTextWhateverItIs) {
  const auto output = [](const char* given) {
    const Asked asked = read_response(
        Json::parse(std::string(R"({"input": [{"type": "function_call", "call_id": "c", "name": "a", "arguments": "{}"},
          {"type": "function_call_output", "call_id": "c", "output": )") +
                    given + "}]}"));
    return chat(asked).messages.back().content;
  };
  EXPECT_EQ(output(R"([{"type": "input_text", "text": "seen: "}, {"type": "input_image", "image_url": "data:x"}])"),
            "seen: [input_image left out: this model reads text]");
  EXPECT_EQ(output(R"([{"stdout": "a.txt", "outcome": 0}])"), R"([{"stdout":"a.txt","outcome":0}])");
  EXPECT_EQ(output(R"({"output": "done"})"), R"({"output":"done"})");
}

TEST(ResponsesTest, Stream) {
  const Asked asked = read_response(request(R"(, "temperature": 0.5)"));
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "I "});
  out += asked.writer->piece({.text = "look."});
  out += asked.writer->piece({.tool_calls = {test::weather_call()}});
  out += asked.writer->end_of_choice({.finish = Finish::tool_calls});
  expect_golden("api/golden/response.sse", out += asked.writer->end(kUsage));
}

TEST(ResponsesTest, WhoAsksForASummaryOfThoughtsGetsThemAsOne) {
  for (const char* asks :
       {R"(, "reasoning": {"effort": "low", "summary": "auto"})", R"(, "reasoning": {"generate_summary": "concise"})",
        R"(, "reasoning": {"effort": "low"})"}) {
    const bool as_summary = std::string_view(asks).contains("summary");
    Asked asked = read_response(request(asks));
    std::string out = asked.writer->begin(kMeta);
    out += asked.writer->piece({.reasoning = "Hm, "});
    out += asked.writer->piece({.reasoning = "well."});
    out += asked.writer->piece({.text = "Aye."});
    out += asked.writer->end_of_choice({});
    const std::vector<Json> events = test::events(out);
    std::vector<std::string> kinds;
    std::string thought;
    for (const Json& event : events) {
      if (const std::string type = event["type"]; type.contains("reasoning")) kinds.push_back(type);
      if (event["type"].get<std::string>().contains("reasoning") && event.contains("delta")) thought += event["delta"];
    }
    EXPECT_EQ(thought, "Hm, well.");
    const std::vector<std::string> summary{
        "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.delta", "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done"};
    const std::vector<std::string> content{"response.reasoning_text.delta", "response.reasoning_text.delta",
                                           "response.reasoning_text.done"};
    EXPECT_EQ(kinds, as_summary ? summary : content) << asks;
    const Json item = asked.writer->items()[0];
    EXPECT_EQ(item[as_summary ? "summary" : "content"][0]["text"], "Hm, well.");
    EXPECT_TRUE(item[as_summary ? "content" : "summary"].empty());

    asked = read_response(request(asks));
    const Json whole = asked.writer->whole({.choices = {{.text = "Aye.", .reasoning = "Hm, well."}}});
    EXPECT_EQ(whole["output"][0][as_summary ? "summary" : "content"], item[as_summary ? "summary" : "content"]);
    EXPECT_EQ(asked.writer->items(), whole["output"]);
  }
}

TEST(ResponsesTest, ThoughtsThatAreHiddenAreToldNowhere) {
  for (const char* hides : {R"(, "reasoning_format": "hidden")", R"(, "include_reasoning": false)",
                            R"(, "reasoning": {"exclude": true, "summary": "auto"})"}) {
    Asked asked = read_response(request(hides));
    std::string out = asked.writer->begin(kMeta);
    out += asked.writer->piece({.reasoning = "Hm, "});
    out += asked.writer->piece({.logprobs = {{.text = " "}}});  // of the thought still
    out += asked.writer->piece({.reasoning = "well."});
    out += asked.writer->piece({.text = "Aye.", .logprobs = {{.text = "Aye."}}});
    out += asked.writer->end_of_choice({});
    out += asked.writer->end(kUsage);
    std::size_t deltas = 0;
    for (const Json& event : test::events(out)) {
      const std::string type = event["type"];
      EXPECT_FALSE(type.contains("reasoning")) << hides;
      if (type == "response.output_text.delta") ++deltas;
    }
    EXPECT_EQ(deltas, 1U) << hides;
    ASSERT_EQ(asked.writer->items().size(), 1U) << hides;
    EXPECT_EQ(asked.writer->items()[0]["content"][0]["logprobs"].size(), 1U);

    asked = read_response(request(hides));
    const Json whole = asked.writer->whole({.choices = {{.text = "Aye.", .reasoning = "Hm, well."}}, .usage = kUsage});
    ASSERT_EQ(whole["output"].size(), 1U) << hides;
    EXPECT_EQ(whole["output"][0]["content"][0]["text"], "Aye.");
  }
}

TEST(ResponsesTest, EventsAreCountedAndNamed) {
  const Asked asked = read_response(request());
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->piece({.text = "a"});
  out += asked.writer->end_of_choice({.finish = Finish::length});
  out += asked.writer->end(kUsage);
  const std::vector<Json> events = test::events(out);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    EXPECT_THAT(out, testing::HasSubstr("event: " + events[i]["type"].get<std::string>() + "\ndata: "));
  }
  const Json& last = events.back();
  EXPECT_EQ(last["type"], "response.incomplete");
  EXPECT_EQ(last["response"]["status"], "incomplete");
  EXPECT_EQ(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(last["response"]["output"][0]["status"], "incomplete");
}

TEST(ResponsesTest, AnEmptyAnswerIsAMessage) {
  const Asked asked = read_response(request());
  std::string out = asked.writer->begin(kMeta);
  out += asked.writer->end_of_choice({});
  out += asked.writer->end(kUsage);
  EXPECT_EQ(test::events(out).back()["response"]["output"][0]["content"][0]["text"], "");
}

TEST(ResponsesTest, Failures) {
  const Problem problem(500, "internal", "oh");
  const Asked early = read_response(request());
  EXPECT_EQ(early.writer->failure(problem),
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,\"code\":\"internal\",\"message\":\"oh\","
            "\"param\":null}\n\n");
  const Asked late = read_response(request());
  (void)late.writer->begin(kMeta);
  const std::vector<Json> events = test::events(late.writer->failure(problem));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1]["type"], "response.failed");
  EXPECT_EQ(events[1]["response"]["error"]["message"], "oh");
  const Asked before = read_response(request());
  std::string out = before.writer->begin_to_fail(kMeta);
  const std::vector<Json> all = test::events(out += before.writer->failure(problem));
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all.front()["type"], "response.created");
  EXPECT_EQ(all.back()["type"], "response.failed");
  EXPECT_EQ(all.back()["response"]["id"], all.front()["response"]["id"]);
}

TEST(ResponsesTest, Whole) {
  const Asked asked = read_response(request(R"(, "tools": [{"type": "function", "name": "weather"}], "top_p": 0.5)"));
  const Json whole = asked.writer->whole(
      {.meta = kMeta,
       .choices = {{.text = "I look.", .tool_calls = {test::weather_call()}, .finish = Finish::tool_calls}},
       .usage = kUsage});
  EXPECT_EQ(whole["object"], "response");
  EXPECT_EQ(whole["status"], "completed");
  EXPECT_EQ(whole["output"][0]["content"][0]["text"], "I look.");
  EXPECT_EQ(whole["output"][1].dump(),
            R"({"id":"fc_0123abcd_1","type":"function_call","status":"completed","call_id":"call_1","name":"weather",)"
            R"("arguments":"{\"city\":\"Ulm\"}"})");
  EXPECT_EQ(whole["usage"]["input_tokens_details"]["cached_tokens"], 5);
  EXPECT_EQ(whole["usage"]["total_tokens"], 19);
  EXPECT_EQ(whole["top_p"], 0.5);
  EXPECT_EQ(whole["tools"][0]["name"], "weather");
  for (const char* key : {"error", "incomplete_details", "instructions", "temperature", "max_output_tokens"})
    EXPECT_TRUE(whole.contains(key) && whole[key].is_null()) << key;
}

}  // namespace
}  // namespace plimsoll::api
