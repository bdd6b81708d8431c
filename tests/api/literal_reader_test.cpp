// ToolCallReader, on the forms whose arguments are literals of a language that is not JSON.
#include <gtest/gtest.h>

#include "api/tool_calls.hpp"

#include "read_calls.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using test::call;
using test::Read;
using test::read_every_way;

std::string in_list(const std::string& calls) { return "<|tool_call_start|>[" + calls + "]<|tool_call_end|>"; }

Json argument_of(const std::string& literal) {
  const Read read = read_every_way(ToolForm::lfm, in_list("f(x=" + literal + ")"));
  EXPECT_EQ(read.text, "") << literal;
  return read.calls.size() == 1 ? Json::parse(read.calls[0].arguments)["x"] : Json("no call");
}

TEST(LiteralReaderTest, ValuesOfPythonAndJson) {
  for (const auto& [literal, json] :
       std::vector<std::pair<std::string, std::string>>{{"1", "1"},
                                                        {"-1.5e+3", "-1500.0"},
                                                        {"True", "true"},
                                                        {"true", "true"},
                                                        {"False", "false"},
                                                        {"None", "null"},
                                                        {"null", "null"},
                                                        {R"("a")", R"("a")"},
                                                        {"'a'", R"("a")"},
                                                        {R"('say "a"')", R"("say \"a\"")"},
                                                        {R"("it's )]")", R"("it's )]")"},
                                                        {R"('it\'s\n\t\\ \d')", R"("it's\n\t\\ \\d")"},
                                                        {R"("\u00e9\ud83d\ude00")", R"("é😀")"},
                                                        {R"("\ud83d")", "\"\xEF\xBF\xBD\""},
                                                        {"[1, 'a', [True]]", R"([1, "a", [true]])"},
                                                        {"[1, ]", "[1]"},
                                                        {"(1, 2)", "[1, 2]"},
                                                        {R"({'k': None, "l": {}})", R"({"k": null, "l": {}})"},
                                                        {"''", R"("")"},
                                                        {"[]", "[]"}})
    EXPECT_EQ(argument_of(literal), Json::parse(json)) << literal;
}

TEST(LiteralReaderTest, SeveralCallsAndTextAround) {
  const Read read = read_every_way(
      ToolForm::lfm, "I look.\n" + in_list("weather( city = 'Ulm' ,days=2, ), wea()") + "\nDone.", test::two_tools());
  EXPECT_EQ(read.text, "I look.\nDone.");
  EXPECT_EQ(read.calls, (std::vector{call("weather", R"({"city":"Ulm","days":2})"), call("wea", "{}")}));
}

TEST(LiteralReaderTest, WhatIsNoListOfCallsIsText) {
  for (const char* inside :
       {"", "1", "wea", "wea(", "wea(1)", "wea(x)", "wea(x=)", "wea(x=Ulm)", "wea() weather(city='Ulm')", "wea(x='a)",
        "wea(x=1 y=2)", "warning()", "wea(), warning()", "wea(x=[1)", "wea(x={1: 2", R"(wea(x="\u12"))"}) {
    const Read read = read_every_way(ToolForm::lfm, in_list(inside), test::two_tools());
    EXPECT_TRUE(read.calls.empty()) << inside;
    EXPECT_TRUE(read.cut || read.text == in_list(inside)) << inside;
  }
}

TEST(LiteralReaderTest, ValuesOfGemma) {
  const std::string code = "if a: {\n  print(\"}\") <|tool_call> <| <tool_call|> '";
  const std::string text = "I look.\n<|tool_call>call:f{s:<|\"|>" + code +
                           "<|\"|>,n:-1.5, on:true,no:null,of:[1,<|\"|>]<|\"|>,{k:{}}],<|\"|>a b<|\"|>:2}<tool_call|>";
  const Read read = read_every_way(ToolForm::gemma, text);
  EXPECT_EQ(read.text, "I look.");
  ASSERT_EQ(read.calls.size(), 1U);
  EXPECT_EQ(Json::parse(read.calls[0].arguments), (Json{{"s", code},
                                                        {"n", -1.5},
                                                        {"on", true},
                                                        {"no", nullptr},
                                                        {"of", Json::parse(R"([1, "]", {"k": {}}])")},
                                                        {"a b", 2}}));
  for (const char* wrong :
       {"wea(", "wea", "wea {}", "wea{x}", "wea{x:}", "wea{x:Ulm}", "wea{x:1 y:2}", "warning{}", "{}"}) {
    const std::string none = std::string("<|tool_call>call:") + wrong + "<tool_call|>";
    EXPECT_EQ(read_every_way(ToolForm::gemma, none, test::two_tools()),
              (Read{.text = none, .calls = {}, .cut = false}));
  }
}

TEST(LiteralReaderTest, DeepAndLongValuesDoNoHarm) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_TRUE(test::read(ToolForm::lfm, {in_list("f(x=" + deep + ")")}).calls.empty());
  EXPECT_EQ(test::read(ToolForm::lfm, {in_list("f(x='" + std::string(1'000'000, '(') + "')")}).calls.size(), 1U);
}

}  // namespace
}  // namespace plimsoll::api
