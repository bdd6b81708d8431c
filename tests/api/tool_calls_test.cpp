#include "api/tool_calls.hpp"

#include "api/unknown_fields.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "expect_problem.hpp"
#include "tool_examples.hpp"

namespace plimsoll::api {
namespace {

using grammar::ToolForm;
using test::expect_problem;
using Kind = ToolChoice::Kind;

ChatPrompt chat_with(const std::string& function) {
  return {.tools = Json::array({{{"type", "function"}, {"function", Json::parse(function)}}})};
}

ChatPrompt checked(ChatPrompt chat) {
  check_tools(chat);
  return chat;
}

TEST(ToolCallsTest, WhatIsChecked) {
  EXPECT_NO_THROW(checked({}));
  EXPECT_NO_THROW(checked({.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "wea"}}));
  EXPECT_NO_THROW(checked(chat_with(R"({"name": "a", "parameters": {}})")));
  // What no grammar holds of it is no reason to refuse.
  for (const char* parameters : {R"({"type": "object", "not": {}})", R"({"type": "string"})", R"({"properties": 1})"})
    EXPECT_NO_THROW(checked(chat_with(fmt::format(R"({{"name": "a", "parameters": {}}})", parameters))));
  const auto refuse = [](const ChatPrompt& chat, const std::string& field, const std::string& words) {
    expect_problem(field, words, [&] { return checked(chat); });
  };
  refuse({.tool_choice = {.kind = Kind::required}}, "tool_choice", "no functions");
  refuse({.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "x"}}, "tool_choice", "'x'");
}

// As those of several servers together have it.
TEST(ToolCallsTest, FunctionsOfOddNamesAreIgnoredAndTheOthersAreNot) {
  Json tools = test::two_tools();
  const std::size_t good = tools.size();
  for (const std::string& name : {std::string(), std::string("a\"b"), std::string("mcp:look"), std::string(129, 'a')})
    tools.push_back({{"type", "function"}, {"function", {{"name", name}, {"parameters", Json::object()}}}});
  tools.push_back(tools[0]);
  {
    const UnknownFields unknown(UnknownRule::ignore);
    const ChatPrompt chat = checked({.tools = tools});
    EXPECT_EQ(chat.tools, test::two_tools());
    ASSERT_EQ(unknown.ignored().size(), tools.size() - good);
    EXPECT_EQ(unknown.ignored()[2], "tools[].name=mcp:look");
    EXPECT_TRUE(checked(chat_with(R"({"name": "", "parameters": {}})")).tools.is_null());
  }
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("tools[1].name=mcp:look", "letters, digits",
                 [&] { return checked({.tools = Json::array({tools[0], tools[4]})}); });
}

TEST(ToolCallsTest, OnlyThoseThatAreAllowedCanBeCalled) {
  for (const Kind kind : {Kind::automatic, Kind::required}) {
    engine::SamplingParams sampling;
    hold_to_tools(sampling, {.tools = test::two_tools(), .tool_choice = {.kind = kind, .allowed = {"wea"}}},
                  ToolForm::hermes);
    EXPECT_TRUE(sampling.grammar.contains(R"(\"wea\")")) << sampling.grammar;
    EXPECT_FALSE(sampling.grammar.contains(R"(\"weather\")")) << sampling.grammar;
  }
  const Json callable = callable_tools({.tools = test::two_tools(), .tool_choice = {.allowed = {"wea"}}});
  ASSERT_EQ(callable.size(), 1U);
  EXPECT_EQ(callable[0]["function"]["name"], "wea");
  EXPECT_EQ(callable_tools({.tools = test::two_tools()}).size(), 2U);
}

TEST(ToolCallsTest, WithoutToolsNothingIsHeld) {
  const engine::SamplingParams plain;
  engine::SamplingParams sampling;
  hold_to_tools(sampling, {}, ToolForm::hermes);
  EXPECT_EQ(sampling, plain);
  hold_to_tools(sampling, {.tools = Json::array()}, ToolForm::hermes);
  EXPECT_EQ(sampling, plain);
  hold_to_tools(sampling, {.tools = test::two_tools(), .tool_choice = {.kind = Kind::none}}, ToolForm::hermes);
  EXPECT_EQ(sampling, plain);
}

}  // namespace
}  // namespace plimsoll::api
