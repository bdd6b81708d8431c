// ToolCallReader, on the forms whose arguments stand in tags.
#include <gtest/gtest.h>

#include "api/tool_calls.hpp"

#include "read_calls.hpp"
#include "tagged_examples.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using test::call;
using test::call_in_tags;
using test::Read;
using test::read_every_way;

// The arguments of the only call.
Json arguments(ToolForm form, const std::string& text, const Json& tools = {}) {
  const Read read = read_every_way(form, text, tools);
  EXPECT_EQ(read.text, "");
  EXPECT_EQ(read.calls.size(), 1U) << text;
  return read.calls.empty() ? Json() : Json::parse(read.calls[0].arguments);
}

TEST(TaggedReaderTest, CallsOfEveryForm) {
  for (const ToolForm form : test::tagged_forms()) {
    const Read one = read_every_way(form, test::ulm(form), test::two_tools());
    EXPECT_EQ(one, (Read{.text = "", .calls = {call("weather", R"({"city":"Ulm"})")}, .cut = false}));
    const Read several = read_every_way(form, "\n " + test::ulm_and_wea(form) + "\n", test::two_tools());
    EXPECT_EQ(several.text, "");
    EXPECT_EQ(several.calls, (std::vector{call("weather", R"({"city":"Ulm"})"), call("wea", "{}")}));
  }
}

TEST(TaggedReaderTest, LineBreaksMayBeMissing) {
  EXPECT_EQ(arguments(ToolForm::coder, "<tool_call><function=f><parameter=a>x</parameter></function></tool_call>")["a"],
            "x");
  EXPECT_EQ(arguments(ToolForm::seed,
                      "<seed:tool_call><function=f><parameter=a>x</parameter></function></seed:tool_call>")["a"],
            "x");
  EXPECT_EQ(arguments(ToolForm::minimax,
                      "<minimax:tool_call><invoke name=\"f\"><parameter name=\"a\">x</parameter>"
                      "</invoke></minimax:tool_call>")["a"],
            "x");
  EXPECT_EQ(arguments(ToolForm::glm, "<tool_call>f<arg_key>a</arg_key><arg_value>x</arg_value></tool_call>")["a"], "x");
  // So may the end tag behind the function's.
  EXPECT_EQ(arguments(ToolForm::coder, "<tool_call>\n<function=f>\n</function>"), Json::object());
}

// As Qwen3-Coder does.
TEST(TaggedReaderTest, TheFirstTagMayBeMissing) {
  const Read read = read_every_way(ToolForm::coder,
                                   "Sure.\n\n<function=weather>\n<parameter=city>\nUlm\n</parameter>\n</function>\n"
                                   "</tool_call>\n<function=wea>\n</function>\n" +
                                       test::ulm(ToolForm::coder),
                                   test::two_tools());
  EXPECT_EQ(read.text, "Sure.");
  const ToolCall ulm = call("weather", R"({"city":"Ulm"})");
  EXPECT_EQ(read.calls, (std::vector{ulm, call("wea", "{}"), ulm}));
  const Read invoked = read_every_way(
      ToolForm::minimax, "Sure.\n<invoke name=\"wea\">\n</invoke>\n" + test::ulm(ToolForm::minimax), test::two_tools());
  EXPECT_EQ(invoked.text, "Sure.");
  EXPECT_EQ(invoked.calls, (std::vector{call("wea", "{}"), ulm}));
  for (const std::string& text : std::vector<std::string>{"<function", "<function=>", "a <function=wea>x",
                                                          "<<functions", "<function=warning>\n</function>"}) {
    EXPECT_EQ(read_every_way(ToolForm::coder, text, test::two_tools()),
              (Read{.text = text, .calls = {}, .cut = false}));
  }
}

TEST(TaggedReaderTest, ValuesHaveTheTypesOfTheSchema) {
  const Json tools = test::tool_of(R"({"type": "object", "$defs": {"n": {"type": "integer"}}, "properties": {
    "text": {"type": "string"}, "word": {"enum": ["1", "two"]}, "count": {"$ref": "#/$defs/n"},
    "ratio": {"type": "number"}, "on": {"type": "boolean"}, "list": {"type": "array"}, "map": {"type": "object"},
    "name": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "any": {"description": "x"}}})");
  for (const ToolForm form : test::tagged_forms()) {
    const auto of = [&](const std::string& key, const std::string& text) {
      return arguments(form, call_in_tags(form, "f", {{key, text}}), tools)[key];
    };
    EXPECT_EQ(of("text", "12"), "12");
    EXPECT_EQ(of("text", "true"), "true");
    EXPECT_EQ(of("text", ""), "");
    EXPECT_EQ(of("text", "{\"a\": 1}"), "{\"a\": 1}");
    EXPECT_EQ(of("word", "1"), "1");
    EXPECT_EQ(of("count", "12"), 12);
    EXPECT_EQ(of("count", " 12 "), 12);
    EXPECT_EQ(of("ratio", "1.5"), 1.5);
    EXPECT_EQ(of("on", "true"), true);
    EXPECT_EQ(of("on", "False"), false);
    EXPECT_EQ(of("list", "[1, \"a\"]"), Json::parse(R"([1, "a"])"));
    EXPECT_EQ(of("map", "{\"a\":\n {}}"), Json::parse(R"({"a": {}})"));
    EXPECT_EQ(of("map", "{oh no"), "{oh no");
    EXPECT_TRUE(of("name", "null").is_null());
    EXPECT_EQ(of("name", "12"), "12");
    EXPECT_EQ(of("name", "\"a\""), "\"a\"");
    EXPECT_EQ(of("any", "[1]"), Json::parse("[1]"));
    EXPECT_EQ(of("any", "Ulm"), "Ulm");
    EXPECT_EQ(of("any", "123456789012345678901234567890"), "123456789012345678901234567890");
    EXPECT_EQ(of("none of these", "x"), "x");
  }
}

// DeepSeek V3.2's; the schema counts where both cannot be.
TEST(TaggedReaderTest, AValueMaySayWhetherItIsText) {
  const Json tools = test::tool_of(R"({"type": "object", "properties": {"any": {}, "count": {"type": "integer"}}})");
  const auto of = [&](const std::string& key, const std::string& rest) {
    return arguments(ToolForm::dsml,
                     "<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"" + key +
                         "\" string=" + rest + "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
                     tools)[key];
  };
  EXPECT_EQ(of("any", "\"true\">12"), "12");
  EXPECT_EQ(of("any", "\"false\">12"), 12);
  EXPECT_EQ(of("count", "\"true\">12"), 12);
  EXPECT_EQ(of("any", "\"false\">Ulm"), "Ulm");
}

TEST(TaggedReaderTest, TextIsKeptAsItIs) {
  const std::string code =
      "  if a < b:\n\n    print(\"</tool_call> </function> <parameter=x>\")\n\t\xC3\xA9\\n </param\n";
  const Json tools = test::tool_of(R"({"type": "object", "properties": {"code": {"type": "string"}}})");
  for (const ToolForm form : test::tagged_forms())
    EXPECT_EQ(arguments(form, call_in_tags(form, "f", {{"code", code}}), tools)["code"], code);
}

TEST(TaggedReaderTest, AnEndTagInAStringOfJsonIsText) {
  const Json tools = test::tool_of(R"({"type": "object", "properties": {"list": {"type": "array"}}})");
  const std::string list = R"(["</parameter>", "\\\"</arg_value>\"", "\\"])";
  for (const ToolForm form : test::tagged_forms())
    EXPECT_EQ(arguments(form, call_in_tags(form, "f", {{"list", list}}), tools)["list"], Json::parse(list));
}

TEST(TaggedReaderTest, TextAroundCalls) {
  for (const ToolForm form : test::tagged_forms()) {
    const Read read = read_every_way(
        form, "I look.\n\n" + test::ulm(form) + "\n and <b>\n" + call_in_tags(form, "wea", {}), test::two_tools());
    EXPECT_EQ(read.text, "I look.\n and <b>");
    EXPECT_EQ(read.calls.size(), 2U);
  }
}

TEST(TaggedReaderTest, WhatBeginsLikeACallAndIsNoneIsText) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string ulm = test::ulm(form);
    std::string other = ulm;
    other.replace(other.find("weather"), 7, "warning");
    std::string broken = ulm;
    broken.insert(broken.find(grammar::tagged_form(form)->end), "and ");
    for (const std::string& text : std::vector<std::string>{"",
                                                            " ",
                                                            "<",
                                                            "<tool_cal",
                                                            "<tool_call> !",
                                                            "<tool_call><b>",
                                                            "<tool_call>{\"name\": \"wea\"}</tool_call>",
                                                            "a </tool_call> b",
                                                            "<tool_call>\n\n<tool_cal",
                                                            "<tool_call><function>",
                                                            "<tool_call>wea </function>",
                                                            "<tool_call><function=>\n",
                                                            "<tool_call><function=a b>\n",
                                                            "<tool_call>wea <arg_value>",
                                                            "<minimax:tool_call",
                                                            "<minimax:tool_call>\n x",
                                                            "<minimax:tool_call>\n<invoke name=wea>",
                                                            "<invoke name=\"wea\" x>",
                                                            "<invoke name=\"\">",
                                                            other,
                                                            broken}) {
      EXPECT_EQ(read_every_way(form, text, test::two_tools()), (Read{.text = text, .calls = {}, .cut = false})) << text;
    }
  }
}

TEST(TaggedReaderTest, ACallBehindAnotherBeginning) {
  for (const ToolForm form : test::tagged_forms()) {
    for (const std::string& before : std::vector<std::string>{
             "<tool_call>", "<tool_call>\n", "<tool_call>x", "<tool_call><function=x", "<tool_call><function=x>",
             "<minimax:tool_call>", "<minimax:tool_call><invoke name=\"x", "<minimax:tool_call><invoke name=\"x\">",
             "<invoke name=\"x\""}) {
      const Read read = read_every_way(form, before + test::ulm(form), test::two_tools());
      EXPECT_EQ(read.text, before.substr(0, before.find_last_not_of('\n') + 1)) << before;
      EXPECT_EQ(read.calls.size(), 1U) << before;
    }
  }
}

// By max_tokens, or a stop string.
TEST(TaggedReaderTest, ACallThatIsCutIsNeitherTextNorACall) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string text = test::ulm_and_wea(form);
    for (std::size_t length = 1; length < text.size(); ++length) {
      const std::string cut = text.substr(0, length);
      ToolCallReader required(form, test::two_tools());
      EXPECT_EQ(required.push(cut), "") << cut;
      EXPECT_EQ(required.finish(true), "") << cut;
      EXPECT_TRUE(required.cut() || !required.take().empty()) << cut;
    }
    ToolCallReader automatic(form, test::two_tools());
    EXPECT_EQ(automatic.push("Yes. " + text.substr(0, text.rfind("wea"))), "Yes.");
    EXPECT_EQ(automatic.finish(), "");
    EXPECT_TRUE(automatic.cut());
    EXPECT_EQ(automatic.take().size(), 1U);
    const std::string half_a_tag = " " + text.substr(0, 5);
    ToolCallReader half(form, test::two_tools());
    EXPECT_EQ(half.push("a" + half_a_tag), "a");
    EXPECT_EQ(half.finish(), half_a_tag);
    EXPECT_FALSE(half.cut());
  }
}

TEST(TaggedReaderTest, DeepAndLongValuesDoNoHarm) {
  for (const ToolForm form : test::tagged_forms()) {
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    const std::string large(1'000'000, '<');
    const std::string text = call_in_tags(form, "f", {{"a", deep}, {"b", large}});
    const Read read = test::read(form, {text});
    ASSERT_EQ(read.calls.size(), 1U);
    const Json all = Json::parse(read.calls[0].arguments);
    EXPECT_TRUE(all["a"] == deep && all["b"] == large);
  }
}

}  // namespace
}  // namespace plimsoll::api
