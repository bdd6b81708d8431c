#include "grammar/call_text.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace plimsoll::grammar {
namespace {

using Json = nlohmann::ordered_json;

TEST(CallTextTest, CallsAsModelsWriteThem) {
  const Json calls =
      Json::parse(R"([{"name": "a", "arguments": {"x": 1}, "id": "call_1"}, {"name": "b", "arguments": "{}"}])");
  EXPECT_EQ(call_text(ToolForm::hermes, calls),
            "<tool_call>{\"name\": \"a\", \"arguments\": {\"x\":1}}</tool_call>\n"
            "<tool_call>{\"name\": \"b\", \"arguments\": {}}</tool_call>");
  EXPECT_EQ(call_text(ToolForm::named, calls), "[TOOL_CALLS]a[ARGS]{\"x\":1}[TOOL_CALLS]b[ARGS]{}");
  EXPECT_EQ(call_text(ToolForm::deepseek, calls),
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>a<｜tool▁sep｜>{\"x\":1}<｜tool▁call▁end｜>"
            "<｜tool▁call▁begin｜>b<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>");
  EXPECT_EQ(
      call_text(ToolForm::fenced, calls),
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>a\n```json\n{\"x\":1}\n```<｜tool▁call▁end｜>\n"
      "<｜tool▁call▁begin｜>function<｜tool▁sep｜>b\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>");
  EXPECT_EQ(call_text(ToolForm::channels, Json::array({calls[0]})),
            "<|start|>assistant to=functions.a<|channel|>commentary json<|message|>{\"x\":1}<|call|>");
  EXPECT_EQ(call_text(ToolForm::cohere, calls),
            "<|START_ACTION|>[{\"tool_name\": \"a\", \"parameters\": {\"x\":1}}, "
            "{\"tool_name\": \"b\", \"parameters\": {}}]<|END_ACTION|>");
  EXPECT_EQ(call_text(ToolForm::lfm, calls), "<|tool_call_start|>[a(x=1), b()]<|tool_call_end|>");
  EXPECT_EQ(call_text(ToolForm::coder, calls), "");
}

TEST(CallTextTest, ValuesOfPython) {
  const Json calls = Json::parse(
      R"([{"name": "a", "arguments": {"t": "it's \"1\"\n", "on": true, "no": null, "of": [false, {"k": 1.5}]}}])");
  EXPECT_EQ(call_text(ToolForm::lfm, calls),
            R"(<|tool_call_start|>[a(t="it's \"1\"\n", on=True, no=None, of=[False, {"k": 1.5}])]<|tool_call_end|>)");
  EXPECT_EQ(call_text(ToolForm::gemma, calls),
            "<|tool_call>call:a{t:<|\"|>it's \"1\"\n<|\"|>,on:true,no:null,of:[false,{k:1.5}]}<tool_call|>");
}

}  // namespace
}  // namespace plimsoll::grammar
