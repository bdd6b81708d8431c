#include "api/held_form.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "api/answer_check.hpp"
#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"

namespace plimsoll::api {
namespace {

using Kind = SchemaVerdict::Kind;

const ReasoningForm kThink{.begin = "<think>", .end = "</think>"};

TextRequest chat_with(const std::string& more) {
  return read_chat_completion(Json::parse(R"({"messages": [{"role": "user", "content": "a"}])" + more + "}")).request;
}

TextRequest with_schema(const std::string& schema) {
  return chat_with(R"(, "response_format": {"type": "json_schema", "json_schema": {"schema": )" + schema + "}}");
}

std::string with_tool(const std::string& parameters) {
  return R"(, "tools": [{"type": "function", "function": {"name": "steer", "parameters": )" + parameters + "}}]";
}

HeldForm hold(const TextRequest& request, const TemplateForms& forms = {}) {
  engine::SamplingParams sampling = request.sampling;
  return hold_to_form(sampling, request, forms);
}

std::string grammar_of(const TextRequest& request, const TemplateForms& forms) {
  engine::SamplingParams sampling = request.sampling;
  (void)hold_to_form(sampling, request, forms);
  return sampling.grammar;
}

TEST(HeldFormTest, WhatIsNotHeldIsNamedWithItsPlace) {
  EXPECT_EQ(hold(with_schema(R"({"type": "object", "properties": {"a": {"type": "string"}}})")).words(), "");
  const HeldForm held = hold(with_schema(
      R"-({"type": "object", "properties": {"a": {"pattern": "^(?=x)"}, "é,": {"format": "phone"}, "b": {"type": null}}})-"));
  EXPECT_EQ(held.words(),
            "unchecked #/properties/a/pattern, loosened #/properties/\?\?\?/format, loosened #/properties/b/type");
  EXPECT_TRUE(held.needs_check());
  EXPECT_EQ(hold(chat_with(with_tool(R"({"type": "object", "properties": {"when": {"format": "phone"}}})"))).words(),
            "loosened steer#/properties/when/format");
}

TEST(HeldFormTest, OneOddToolFailsNoRequest) {
  for (const char* parameters :
       {R"({"type": null})", R"({"type": "string"})", R"({"properties": 1})", R"({"$ref": "#"})", R"({"not": {}})",
        R"({"properties": {"a": {"enum": []}}})", R"({"properties": {"a": {"$ref": "#/$defs/x"}}})",
        R"({"properties": {"a": {"pattern": "(a"}}})", R"({"properties": {"a": {"type": ["x"]}}})",
        R"({"required": ["a"], "properties": {"a": false}})"}) {
    SCOPED_TRACE(parameters);
    const HeldForm held = hold(chat_with(with_tool(parameters)));
    ASSERT_FALSE(held.notes.empty());
    EXPECT_TRUE(held.notes[0].pointer.starts_with("steer#")) << held.words();
  }
}

TEST(HeldFormTest, ThereIsAnEndToTheirNames) {
  std::string properties;
  for (int i = 0; i < 40; ++i) properties += fmt::format(R"({}"p{}": {{"type": null}})", i > 0 ? ", " : "", i);
  const HeldForm held = hold(with_schema(R"({"type": "object", "properties": {)" + properties + "}}"));
  EXPECT_EQ(held.notes.size(), 40U);
  EXPECT_TRUE(held.words().ends_with(", and 16 more")) << held.words();
}

TEST(HeldFormTest, AStrictServerRefusesWhatNobodyHolds) {
  const UnknownFields strict(UnknownRule::refuse);
  EXPECT_NO_THROW((void)hold(with_schema(R"-({"type": "object", "properties": {"a": {"pattern": "^(?=x)"}}})-")));
  test::expect_problem("", "#/properties/a/format", [] {
    return hold(with_schema(R"({"type": "object", "properties": {"a": {"format": "phone"}}})"));
  });
}

TEST(HeldFormTest, AFormBeginsBehindAThought) {
  const TemplateForms open{.reasoning = kThink, .begins_in_a_thought = true};
  const TemplateForms closed{.reasoning = kThink};
  for (const std::string& more : {std::string(R"(, "response_format": {"type": "json_object"})"), with_tool("{}"),
                                  with_tool("{}") + R"(, "tool_choice": "required")"}) {
    SCOPED_TRACE(more);
    EXPECT_TRUE(hold(chat_with(more), open).has_thoughts);
    EXPECT_TRUE(hold(chat_with(more), closed).has_thoughts);
    EXPECT_FALSE(hold(chat_with(more)).has_thoughts);
    EXPECT_FALSE(hold(chat_with(more + R"(, "enable_thinking": false)"), closed).has_thoughts);
    EXPECT_TRUE(grammar_of(chat_with(more), open).contains("thought0"));
    EXPECT_FALSE(grammar_of(chat_with(more), {}).contains("thought0"));
  }
  // A choice is short; a thought before it comes only where the prompt has begun one.
  const TextRequest choice = chat_with(R"(, "guided_choice": ["yes", "no"])");
  EXPECT_TRUE(hold(choice, open).has_thoughts);
  EXPECT_FALSE(hold(choice, closed).has_thoughts);
  EXPECT_TRUE(hold(chat_with(""), closed).has_thoughts);
  EXPECT_EQ(grammar_of(chat_with(""), open), "");
}

TEST(HeldFormTest, AnswersAreCheckedForWhatIsNotHeld) {
  const TextRequest request = with_schema(R"-({"type": "string", "pattern": "^(?=.*x)"})-");
  AnswerCheck good(request, hold(request));
  good.add({.text = "\"a"});
  good.add({.text = "x\""});
  EXPECT_EQ(good.verdict()->kind, Kind::valid);
  AnswerCheck bad(request, hold(request));
  bad.add({.text = "\"a\""});
  EXPECT_EQ(bad.verdict()->kind, Kind::invalid);

  const TextRequest tools =
      chat_with(with_tool(R"-({"properties": {"to": {"type": "string", "pattern": "^(?!x)"}}, "required": ["to"]})-"));
  AnswerCheck called(tools, hold(tools));
  EXPECT_EQ(called.verdict(), std::nullopt);
  called.add({.tool_calls = {{.id = "", .name = "steer", .arguments = R"({"to": "xy"})"}}});
  EXPECT_EQ(called.verdict()->kind, Kind::invalid);
  EXPECT_TRUE(called.verdict()->sentence.starts_with("arguments of steer")) << called.verdict()->sentence;
}

TEST(HeldFormTest, AVerdictIsToldWithTheAnswer) {
  for (const auto& [verdict, wanted] :
       {std::pair{SchemaVerdict{Kind::valid, ""}, R"({"schema_check":{"valid":true}})"},
        std::pair{SchemaVerdict{Kind::invalid, "why"}, R"({"schema_check":{"valid":false,"error":"why"}})"},
        std::pair{SchemaVerdict{Kind::undecided, "why"}, R"({"schema_check":{"valid":null,"error":"why"}})"}}) {
    Json out = Json::object();
    add_schema_check(out, verdict);
    EXPECT_EQ(to_text(out), wanted);
  }
  Json nothing = Json::object();
  add_schema_check(nothing, std::nullopt);
  EXPECT_EQ(nothing, Json::object());
}

}  // namespace
}  // namespace plimsoll::api
