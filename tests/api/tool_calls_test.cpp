#include "api/tool_calls.hpp"

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

TEST(ToolCallsTest, WhatIsChecked) {
  EXPECT_NO_THROW(check_tools({}));
  EXPECT_NO_THROW(check_tools({.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "wea"}}));
  EXPECT_NO_THROW(check_tools(chat_with(R"({"name": "a", "parameters": {}})")));
  // What no grammar holds of it is no reason to refuse.
  for (const char* parameters : {R"({"type": "object", "not": {}})", R"({"type": "string"})", R"({"properties": 1})"})
    EXPECT_NO_THROW(check_tools(chat_with(fmt::format(R"({{"name": "a", "parameters": {}}})", parameters))));
  const auto refuse = [](const ChatPrompt& chat, const std::string& field, const std::string& words) {
    expect_problem(field, words, [&] { return check_tools(chat), 0; });
  };
  refuse(chat_with(R"({"name": "", "parameters": {}})"), "tools[0]", "is not the name of a function");
  refuse(chat_with(R"({"name": "a\"b", "parameters": {}})"), "tools[0]", "is not the name of a function");
  refuse(chat_with(fmt::format(R"({{"name": "{}", "parameters": {{}}}})", std::string(129, 'a'))), "tools[0]", "name");
  Json twice = test::two_tools();
  twice.push_back(twice[0]);
  refuse({.tools = twice}, "tools[2]", "is there twice");
  refuse({.tool_choice = {.kind = Kind::required}}, "tool_choice", "no functions");
  refuse({.tools = test::two_tools(), .tool_choice = {.kind = Kind::required, .name = "x"}}, "tool_choice", "'x'");
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
