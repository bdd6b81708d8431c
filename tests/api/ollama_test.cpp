#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "api/dialect.hpp"
#include "api/json_lines.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "written.hpp"

namespace plimsoll::api {
namespace {

using std::chrono::milliseconds;
using test::expect_problem;
using testing::ElementsAre;
using testing::IsEmpty;

Asked chat(const std::string& more = "") {
  return read_ollama_chat(
      Json::parse(R"({"model": "mate", "messages": [{"role": "user", "content": "Who?"}])" + more + "}"));
}

Asked generate(const std::string& more) {
  return read_ollama_generate(Json::parse(R"({"model": "mate")" + more + "}"));
}

const ChatPrompt& prompt_of(const Asked& asked) { return std::get<ChatPrompt>(asked.request.prompt); }

std::vector<Json> lines(const std::string& stream) {
  std::vector<Json> out;
  std::istringstream in(stream);
  for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
  return out;
}

const Usage kTimed{.prompt_tokens = 12,
                   .completion_tokens = 7,
                   .timings = Timings{.prompt = 12, .prompt_ms = 1.5, .predicted = 7, .predicted_ms = 2},
                   .load_ms = 0.25,
                   .total_ms = 4};

TEST(OllamaTest, StreamsWhereNothingIsSaid) {
  EXPECT_TRUE(chat().request.stream);
  EXPECT_FALSE(chat(R"(, "stream": false)").request.stream);
  EXPECT_TRUE(generate(R"(, "prompt": "a")").request.stream);
}

TEST(OllamaTest, LatestIsNoOtherModel) {
  EXPECT_EQ(read_ollama_chat(Json::parse(R"({"model": "mate:latest"})")).request.model, "mate");
  EXPECT_EQ(read_ollama_chat(Json::parse(R"({"model": "mate:7b"})")).request.model, "mate:7b");
}

TEST(OllamaTest, OptionsAreSamplingAndLength) {
  const TextRequest request =
      chat(
          R"(, "options": {"num_predict": 9, "temperature": 0.5, "top_k": 5, "top_p": 0.7, "min_p": 0.1, "typical_p": 0.6,
                            "repeat_penalty": 1.1, "repeat_last_n": 32, "presence_penalty": 1.5, "frequency_penalty": 0.5,
                            "mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.2, "seed": 7, "stop": ["\n", "User:"]})")
          .request;
  EXPECT_EQ(request.most_tokens, 9);
  EXPECT_THAT(request.stop_strings, ElementsAre("\n", "User:"));
  EXPECT_EQ(request.sampling.seed, 7U);
  EXPECT_EQ(request.sampling.top_k, 5);
  EXPECT_EQ(request.sampling.mirostat, 2);
  EXPECT_FLOAT_EQ(request.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(request.sampling.penalty_presence, 1.5F);
}

// Over those of the fleet and of the file; what is not given leaves them.
TEST(OllamaTest, AnOptionIsGivenAlsoWhereItIsTheEnginesDefault) {
  EXPECT_THAT(chat(R"(, "options": {"temperature": 0.8, "top_k": 40, "seed": -1})").request.sampling_given,
              ElementsAre("seed", "temperature", "top_k"));
  EXPECT_THAT(chat(R"(, "options": {"num_predict": 1})").request.sampling_given, IsEmpty());
}

TEST(OllamaTest, NoLimitIsZeroOrNegative) {
  for (const char* given : {"-1", "-2", "0"})
    EXPECT_EQ(chat(std::string(R"(, "options": {"num_predict": )") + given + "}").request.most_tokens, std::nullopt);
}

// What reading a request ignores.
template <class Read>
std::vector<std::string> ignored_by(Read&& read) {
  const UnknownFields unknown(UnknownRule::ignore);
  (void)read();
  return unknown.ignored();
}

TEST(OllamaTest, WhatIsPlannedOrUnknownIsIgnoredByName) {
  EXPECT_THAT(ignored_by([] { return chat(R"(, "options": {"num_ctx": 8192, "num_gpu": 1}, "surprise": 1)"); }),
              ElementsAre("options.num_ctx", "options.num_gpu", "surprise"));
  EXPECT_THAT(ignored_by([] { return generate(R"(, "prompt": "a", "template": "{{ .Prompt }}")"); }),
              ElementsAre("template"));
  EXPECT_THAT(ignored_by([] { return chat(); }), IsEmpty());
}

TEST(OllamaTest, HowLongAModelStays) {
  const auto stays = [](const std::string& value) { return chat(R"(, "keep_alive": )" + value).request.keep_alive; };
  EXPECT_EQ(stays("0"), (KeepAlive{.idle = milliseconds(0)}));
  EXPECT_EQ(stays("\"0\""), (KeepAlive{.idle = milliseconds(0)}));
  EXPECT_EQ(stays("300"), (KeepAlive{.idle = milliseconds(300'000)}));
  EXPECT_EQ(stays("\"5m\""), (KeepAlive{.idle = milliseconds(300'000)}));
  EXPECT_EQ(stays("\"1h1.5s\""), (KeepAlive{.idle = milliseconds(3'601'500)}));
  EXPECT_EQ(stays("-1"), KeepAlive{});
  EXPECT_EQ(stays("\"-1m\""), KeepAlive{});
  EXPECT_EQ(stays("\"876000h\""), (KeepAlive{.idle = std::chrono::hours(876'000)}));
  EXPECT_EQ(stays("\"877000h\""), KeepAlive{});  // more than a hundred years
  EXPECT_EQ(stays("1e300"), KeepAlive{});
  EXPECT_EQ(chat().request.keep_alive, std::nullopt);
  for (const char* wrong :
       {"\"soon\"", "\"\"", "\"5 m\"", "\"nan\"", "\"inf\"", "\"-infinity\"", "\"1hnanm\"", "true", "[]"})
    expect_problem("keep_alive", "duration", [&] { return stays(wrong); });
}

TEST(OllamaTest, FormsOfAnAnswer) {
  EXPECT_EQ(chat(R"(, "format": "json")").request.schema, Json::parse(R"({"type": "object"})"));
  EXPECT_EQ(chat(R"(, "format": {"type": "array"})").request.schema, Json::parse(R"({"type": "array"})"));
  EXPECT_TRUE(chat(R"(, "format": "")").request.schema.is_null());
  expect_problem("format", "'json' or a JSON Schema", [] { return chat(R"(, "format": "xml")"); });
}

TEST(OllamaTest, Thinking) {
  EXPECT_EQ(prompt_of(chat(R"(, "think": false)")).template_values, Json::parse(R"({"enable_thinking": false})"));
  EXPECT_EQ(prompt_of(chat(R"(, "think": "low")")).template_values, Json::parse(R"({"reasoning_effort": "low"})"));
  const Piece thought{.reasoning = "hm"};
  EXPECT_EQ(lines(chat().writer->piece(thought)).at(0)["message"]["thinking"], "hm");
  EXPECT_EQ(chat(R"(, "think": false)").writer->piece(thought), "");
}

TEST(OllamaTest, MessagesWithCallsAndResults) {
  const Asked asked = read_ollama_chat(Json::parse(R"({"model": "mate", "messages": [
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}]},
    {"role": "tool", "tool_name": "weather", "content": "rain"}],
    "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]})"));
  const ChatPrompt& prompt = prompt_of(asked);
  ASSERT_EQ(prompt.messages.size(), 3U);
  EXPECT_EQ(prompt.messages[1].extra["tool_calls"][0]["function"]["arguments"], Json::parse(R"({"city": "Ulm"})"));
  EXPECT_EQ(prompt.messages[1].extra["reasoning_content"], "hm");
  EXPECT_EQ(prompt.messages[2].extra["name"], "weather");
  EXPECT_EQ(prompt.tools[0]["function"]["name"], "weather");
}

// Ollama has no such field; the Vercel AI SDK's provider sends it all the same.
TEST(OllamaTest, AToolMayBeAskedFor) {
  const auto choice = [](const char* text) {
    return prompt_of(
               chat(fmt::format(
                   R"(, "tools": [{{"function": {{"name": "look", "parameters": {{}}}}}}], "tool_choice": {})", text)))
        .tool_choice;
  };
  EXPECT_EQ(choice(R"({"type": "function", "name": "look"})").name, "look");
  EXPECT_EQ(choice(R"("none")").kind, ToolChoice::Kind::none);
  EXPECT_EQ(choice("null").kind, ToolChoice::Kind::automatic);
  expect_problem("tool_choice", "no function", [&] { return choice(R"({"type": "function", "name": "sink"})"); });
}

TEST(OllamaTest, WhatIsNoPictureIsRefused) {
  expect_problem("messages[0].images[0]", "neither a picture nor a sound", [] {
    return read_ollama_chat(Json::parse(R"({"messages": [{"role": "user", "content": "a", "images": ["aGk="]}]})"));
  });
  expect_problem("images[0]", "neither a picture nor a sound",
                 [] { return generate(R"(, "prompt": "a", "images": ["aGk="])"); });
  expect_problem("images", "filled with text",
                 [] { return generate(R"(, "prompt": "a", "suffix": "b", "images": ["aGk="])"); });
}

TEST(OllamaTest, WordsStandForPicturesThatAToolGave) {
  const Asked asked = read_ollama_chat(Json::parse(R"({"messages": [{"role": "user", "content": "a"},
    {"role": "tool", "tool_name": "look", "content": "seen: ", "images": ["aGk="]}]})"));
  EXPECT_EQ(prompt_of(asked).messages.at(1).content, "seen: [image left out: this model reads text]");
}

// Open WebUI's "Continue".
TEST(OllamaTest, AnAnswerThatIsBegunIsGoneOnWith) {
  const Asked asked = read_ollama_chat(
      Json::parse(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "Well"}]})"));
  EXPECT_TRUE(prompt_of(asked).goes_on);
  EXPECT_FALSE(prompt_of(chat()).goes_on);
}

TEST(OllamaTest, WithoutWordsAModelIsOnlyLoaded) {
  const Answer nothing{.meta = test::kMeta};
  const Asked loads = read_ollama_chat(Json::parse(R"({"model": "mate"})"));
  EXPECT_TRUE(loads.only_loads);
  EXPECT_EQ(loads.writer->whole(nothing)["done_reason"], "load");
  const Asked unloads = generate(R"(, "keep_alive": 0)");
  EXPECT_TRUE(unloads.only_loads);
  EXPECT_EQ(unloads.writer->whole(nothing)["done_reason"], "unload");
  EXPECT_EQ(unloads.writer->whole(nothing)["response"], "");
  EXPECT_FALSE(chat().only_loads);
}

TEST(OllamaTest, PromptsToGenerate) {
  const Asked plain = generate(R"(, "prompt": "a", "system": "s", "context": [1, 2])");
  EXPECT_EQ(prompt_of(plain).messages.size(), 2U);
  EXPECT_EQ(prompt_of(plain).messages[0].role, "system");
  EXPECT_THAT(prompt_of(plain).before, ElementsAre(1, 2));
  const Asked raw = generate(R"(, "prompt": "a", "raw": true)");
  EXPECT_EQ(std::get<std::vector<RawPrompt>>(raw.request.prompt), (std::vector<RawPrompt>{"a"}));
  const Asked gap = generate(R"(, "prompt": "a", "suffix": "b")");
  EXPECT_EQ(std::get<InfillPrompt>(gap.request.prompt).suffix, "b");
}

TEST(OllamaTest, AStreamedChat) {
  const Asked asked = chat();
  std::string out = asked.writer->begin(test::kMeta);
  out += asked.writer->piece({.text = "Ro"});
  out += asked.writer->piece({.tool_calls = {test::weather_call()}});
  out += asked.writer->end_of_choice({.finish = Finish::tool_calls});
  const std::vector<Json> all = lines(out += asked.writer->end(kTimed));
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], Json::parse(R"({"model": "mate", "created_at": "2023-11-14T22:13:20.000Z",
                                    "message": {"role": "assistant", "content": "Ro"}, "done": false})"));
  EXPECT_EQ(all[1]["message"]["tool_calls"][0]["function"]["arguments"], Json::parse(R"({"city": "Ulm"})"));
  EXPECT_EQ(all[2], Json::parse(R"({"model": "mate", "created_at": "2023-11-14T22:13:20.000Z",
                                    "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop",
                                    "total_duration": 4000000, "load_duration": 250000, "prompt_eval_count": 12,
                                    "prompt_eval_duration": 1500000, "eval_count": 7, "eval_duration": 2000000})"));
}

// Of a model that has lost its way: a value so deep would end the process where it is copied and rendered.
TEST(OllamaTest, ArgumentsThatAreNestedTooDeepAreText) {
  ToolCall call = test::weather_call();
  call.arguments = std::string(500'000, '[') + std::string(500'000, ']');
  const Asked asked = chat();
  (void)asked.writer->begin(test::kMeta);
  EXPECT_EQ(
      lines(asked.writer->piece({.tool_calls = {call}})).at(0)["message"]["tool_calls"][0]["function"]["arguments"],
      call.arguments);
}

TEST(OllamaTest, AWholeResponseHasItsContext) {
  const Asked asked = generate(R"(, "prompt": "a")");
  ASSERT_TRUE(asked.request.shows_tokens);
  ResponseMeta meta = test::kMeta;
  meta.prompts = {{.tokens = {1, 2}, .text = "a"}};
  const Json whole = asked.writer->whole(
      {.meta = meta, .choices = {{.text = "b", .finish = Finish::length, .tokens = {3}}}, .usage = kTimed});
  EXPECT_EQ(whole["response"], "b");
  EXPECT_EQ(whole["done_reason"], "length");
  EXPECT_EQ(whole["context"], Json::parse("[1, 2, 3]"));
}

TEST(OllamaTest, ErrorsAreSentences) {
  EXPECT_EQ(error_body(no_such_model("kraken"), ErrorShape::ollama),
            Json::parse(R"({"error": "model 'kraken' not found"})"));
  EXPECT_EQ(error_body(bad_request("no"), ErrorShape::ollama), Json::parse(R"({"error": "no"})"));
  EXPECT_EQ(chat().writer->failure(bad_request("no")), "{\"error\":\"no\"}\n");
}

}  // namespace
}  // namespace plimsoll::api
