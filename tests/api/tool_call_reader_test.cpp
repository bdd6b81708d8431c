#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "api/tool_calls.hpp"
#include "grammar/marked_form.hpp"

#include "read_calls.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;

using test::call;
using test::letters;
using test::Read;
using test::read;
using test::read_every_way;

TEST(ToolCallReaderTest, CallsOfEveryForm) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const Read one = read_every_way(example.form, example.one, test::two_tools());
    EXPECT_EQ(one.text, "");
    const std::string first_id = example.several.empty() || example.form == ToolForm::named ? "" : example.ids[0];
    EXPECT_EQ(one.calls, (std::vector{call("weather", R"({"city":"Ulm"})", first_id)}));
    if (example.several.empty()) continue;
    const Read several = read_every_way(example.form, "\n " + example.several + "\n");
    EXPECT_EQ(several.text, "");
    EXPECT_EQ(several.calls,
              (std::vector{call("weather", R"({"city":"Ulm"})", example.ids[0]), call("wea", "{}", example.ids[1])}));
  }
}

// What a model may leave out, or write in another place.
TEST(ToolCallReaderTest, OtherWaysToWriteACall) {
  const auto expect_ulm = [](ToolForm form, const std::string& text, const std::string& around = "") {
    const Read read = read_every_way(form, text, test::two_tools());
    EXPECT_EQ(read.text, around) << text;
    EXPECT_EQ(read.calls, (std::vector{call("weather", R"({"city":"Ulm"})")})) << text;
  };
  for (const char* text :
       {R"( to=functions.weather<|channel|>commentary json<|message|>{"city": "Ulm"}<|call|>)",
        R"(<|start|>assistant to=functions.weather<|channel|>commentary <|constrain|>json<|message|>{"city": "Ulm"})",
        R"(<|channel|>commentary to=functions.weather<|message|>{"city": "Ulm"})",
        R"(<|channel|>analysis to=functions.weather code<|message|>{"city":"Ulm"})"})
    expect_ulm(ToolForm::channels, text);
  expect_ulm(ToolForm::deepseek, "Aye.\n<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\":\"Ulm\"}", "Aye.");
  expect_ulm(
      ToolForm::fenced,
      "<｜tool▁calls▁begin｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{\"city\":\"Ulm\"}\n```");
  expect_ulm(ToolForm::gigachat,
             "function call<|role_sep|>\n{\"name\": \"weather\", \"arguments\": {\"city\":\"Ulm\"}}");
}

TEST(ToolCallReaderTest, AnIdIsGivenOnce) {
  const std::string one = "<|tool_call_begin|>functions.a:0<|tool_call_argument_begin|>{}<|tool_call_end|>";
  EXPECT_EQ(read_every_way(ToolForm::kimi, one + one).calls,
            (std::vector{call("a", "{}", "functions.a:0"), call("a", "{}")}));
}

// Half of one may be another one's beginning.
TEST(ToolCallReaderTest, ACallBehindAMarkThatIsNone) {
  for (const test::FormExample& example : test::form_examples()) {
    const grammar::MarkedForm* marked = grammar::marked_form(example.form);
    if (marked == nullptr || marked->inside != grammar::MarkedForm::Inside::arguments) continue;
    SCOPED_TRACE(example.name);
    for (const std::string_view mark : marked->openings()) {
      for (const char* name : {"", "weather"}) {
        const std::string before = std::string(mark) + name;
        EXPECT_EQ(read_every_way(example.form, before + example.one, test::two_tools()).calls.size(), 1U) << before;
      }
    }
  }
}

TEST(ToolCallReaderTest, TextAroundCalls) {
  const Read hermes = read_every_way(
      ToolForm::hermes, "I look.\n\n<tool_call>{\"name\": \"a\"}</tool_call>\n and <b>\n<tool_call>{\"name\":\"b\"}");
  EXPECT_EQ(hermes.text, "I look.\n and <b>");
  EXPECT_EQ(hermes.calls, (std::vector{call("a", "{}"), call("b", "{}")}));
  const Read mistral = read_every_way(ToolForm::mistral, "[TO] [[TOOL_CALLS][{\"name\":\"a\",\"arguments\":{}}] x ");
  EXPECT_EQ(mistral.text, "[TO] [ x ");
  EXPECT_EQ(mistral.calls.size(), 1U);
  const Read bare = read_every_way(ToolForm::bare, R"({"name":"a","parameters":{}} {"name":"b","parameters":{}})");
  EXPECT_EQ(bare.text, R"( {"name":"b","parameters":{}})");
  EXPECT_EQ(bare.calls.size(), 1U);
}

TEST(ToolCallReaderTest, TheEndTagMayBeMissingOrInAString) {
  const std::string inside = R"({"name":"a","arguments":{"x":"</tool_call>} \\\" {[<tool_call>"}})";
  const Read read = read_every_way(ToolForm::hermes, "<tool_call>" + inside + "<tool_call>" + inside + "</tool");
  EXPECT_EQ(read.text, "");
  ASSERT_EQ(read.calls.size(), 2U);
  EXPECT_EQ(Json::parse(read.calls[1].arguments)["x"], "</tool_call>} \\\" {[<tool_call>");
}

TEST(ToolCallReaderTest, WhatBeginsLikeACallAndIsNoneIsText) {
  const auto expect_text = [](ToolForm form, const std::string& text, const Json& tools = {}) {
    EXPECT_EQ(read_every_way(form, text, tools), (Read{.text = text, .calls = {}, .cut = false})) << text;
  };
  for (const char* text :
       {"", " ", "<", "<tool_cal", "<tool_call> x", "<tool_call>{oh no}</tool_call>",
        "<tool_call>{\"name\": 1}</tool_call> ", "<tool_call>{\"name\": \"a\", \"arguments\": 3}", "<<tool_call",
        "<tool_call>[]", "a </tool_call> b", "<tool_call>{\"name\": \"a\", \"arguments\": \"{\"}"})
    expect_text(ToolForm::hermes, text);
  for (const char* text : {"{", "{}", R"({"name": "John", "age": 3})", R"({"nam)", R"({ "type" : "integer" })",
                           R"(Well: {"name": "a", "parameters": {}})", R"({"name": "a", "parameters": [}])", "\n{ 1"})
    expect_text(ToolForm::bare, text);
  for (const char* text : {R"({"tool_calls": []})", R"({"tool_calls": [1]})", R"({"tool_calls": {}})", R"({"tool)",
                           R"([{"name": "a", "arguments": {}}])"})
    expect_text(ToolForm::listed, text);
  for (const char* text : {"[TOOL_CALLS", "[TOOL_CALLS] x", "[TOOL_CALLS] [1]", "[[[TOOL_CALL]"})
    expect_text(ToolForm::mistral, text);
  for (const test::FormExample& example : test::form_examples()) {
    std::string other = example.one;
    other.replace(other.find("weather"), 7, "warning");
    expect_text(example.form, other, test::two_tools());
  }
}

// By max_tokens, or a stop string.
TEST(ToolCallReaderTest, ACallThatIsCutIsNeitherTextNorACall) {
  for (const test::FormExample& example : test::form_examples()) {
    SCOPED_TRACE(example.name);
    const std::string& text = example.several.empty() ? example.one : example.several;
    const std::string whole = text.substr(0, text.find_last_of("]}") + 1);
    for (std::size_t length = 1; length < whole.size(); ++length) {
      ToolCallReader required(example.form, test::two_tools());
      EXPECT_EQ(required.push(text.substr(0, length)), "") << text.substr(0, length);
      EXPECT_EQ(required.finish(true), "") << text.substr(0, length);
      EXPECT_TRUE(required.cut() || !required.take().empty()) << text.substr(0, length);
    }
  }
  ToolCallReader second(ToolForm::hermes, test::two_tools());
  const std::string two = test::form_examples()[0].several;
  EXPECT_EQ(second.push("Yes. " + two.substr(0, two.rfind('{'))), "Yes.");
  EXPECT_EQ(second.finish(), "");
  EXPECT_TRUE(second.cut());
  EXPECT_EQ(second.take().size(), 1U);
  // Where text is allowed, half a tag may be some.
  ToolCallReader automatic(ToolForm::hermes, test::two_tools());
  EXPECT_EQ(automatic.push("a <tool"), "a");
  EXPECT_EQ(automatic.finish(), " <tool");
  EXPECT_FALSE(automatic.cut());
}

TEST(ToolCallReaderTest, ACallBehindAnotherBeginning) {
  const Read read = read_every_way(ToolForm::hermes, "<tool_call><tool_call>{\"name\":\"a\"}</tool_call>");
  EXPECT_EQ(read.text, "<tool_call>");
  EXPECT_EQ(read.calls.size(), 1U);
  const Read wrong = read_every_way(ToolForm::hermes, "<tool_call>{} <tool_call>{\"name\":\"a\"}</tool_call>");
  EXPECT_EQ(wrong.text, "<tool_call>{}");
  EXPECT_EQ(wrong.calls.size(), 1U);
}

TEST(ToolCallReaderTest, ArgumentsInAString) {
  const Read read =
      read_every_way(ToolForm::hermes, R"(<tool_call>{"name": "a", "arguments": "{\"x\": 1}"}</tool_call>)");
  EXPECT_EQ(read.calls, (std::vector{call("a", R"({"x":1})")}));
}

TEST(ToolCallReaderTest, SomeModelsSayThatItIsAFunction) {
  const std::string text = R"({"type": "function", "name": "weather", "parameters": {"city": "Ulm"}})";
  EXPECT_EQ(read_every_way(ToolForm::bare, text, test::two_tools()).calls,
            (std::vector{call("weather", R"({"city":"Ulm"})")}));
}

TEST(ToolCallReaderTest, TextIsShownAsSoonAsItCanBe) {
  ToolCallReader reader(ToolForm::hermes);
  EXPECT_EQ(reader.push("Hello <"), "Hello");
  EXPECT_EQ(reader.push("b> "), " <b>");
  EXPECT_EQ(reader.push("you"), " you");
  ToolCallReader bare(ToolForm::bare);
  EXPECT_EQ(bare.push("{\"na"), "");
  EXPECT_EQ(bare.push("vy"), "{\"navy");
  EXPECT_EQ(bare.push(": "), ":");
  EXPECT_EQ(bare.finish(), " ");
}

TEST(ToolCallReaderTest, ACallIsThereWithItsLastBracket) {
  ToolCallReader reader(ToolForm::hermes);
  EXPECT_EQ(reader.push("<tool_call>{\"name\":\"a\"}"), "");
  EXPECT_EQ(reader.take().size(), 1U);
  EXPECT_TRUE(reader.take().empty());
}

TEST(ToolCallReaderTest, DeepAndLongCallsDoNoHarm) {
  const std::string deep = R"(<tool_call>{"name":"a","arguments":{"x":)" + std::string(200'000, '[') +
                           std::string(200'000, ']') + "}}</tool_call>";
  const Read far = read(ToolForm::hermes, letters(deep));
  EXPECT_EQ(far.text, deep);
  EXPECT_TRUE(far.calls.empty());
  const std::string large =
      R"(<tool_call>{"name":"a","arguments":{"x":")" + std::string(1'000'000, ' ') + "\"}}</tool_call>";
  EXPECT_EQ(read(ToolForm::hermes, letters(large)).calls.size(), 1U);
}

// Texts made of what the forms are made of, so that they meet.
RC_GTEST_PROP(ToolCallReaderTest, AnyCutGivesTheSame, ()) {
  const auto form = *rc::gen::elementOf(grammar::kToolForms);
  const auto part = rc::gen::element<std::string>(
      "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "{\"tool_calls\":", "{\"name\":\"a\"", ",\"arguments\":{}",
      ",\"parameters\":{}", "}", "{", "[", "]", "\"", "\\", " ", "\n", "<", "x", "\xC3\xA9",
      "{\"name\":\"a\",\"arguments\":{}}", "{\"name\":\"a\",\"parameters\":{}}", "<function=a>", "<parameter=x>",
      "</parameter>", "</function>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<minimax:tool_call>",
      "</minimax:tool_call>", "<seed:tool_call>", "</seed:tool_call>", "<invoke name=\"a\">", "<parameter name=\"x\">",
      "</invoke>", "<|start|>assistant", "<|channel|>commentary", " to=functions.", "<|message|>", "<|call|>",
      "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "function", "<｜tool▁sep｜>", "\n```json\n", "```",
      "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>", "<|tool_call_begin|>", "functions.", ":0",
      "<|tool_call_argument_begin|>", "<|tool_call_end|>", "[CALL_ID]", "[ARGS]", "{}", "<TOOLCALL>", "</TOOLCALL>",
      "<|tool_call_start|>", "<|tool_call_end|>", "[a(", "x=", "'", ",", ")]", "b()", "<|tool_call>call:", "a{",
      "x:", "<|\"|>", "<tool_call|>");
  const auto parts = *rc::gen::container<std::vector<std::string>>(part);
  std::string text;
  for (const std::string& one : parts) text += one;
  const Read whole = read(form, {text});
  RC_ASSERT(read(form, parts) == whole);
  RC_ASSERT(read(form, letters(text)) == whole);
  if (!whole.calls.empty()) return;
  const bool is_kept = whole.cut ? text.starts_with(whole.text) : whole.text == text;
  RC_ASSERT(is_kept);
}

}  // namespace
}  // namespace plimsoll::api
