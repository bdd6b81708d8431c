#include "api/fields.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "text_fields.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

TEST(FieldsTest, WholeNumbers) {
  const Json json = Json::parse(R"({"a": 3, "b": 5.0, "c": 1e3, "d": -2, "e": null, "max": 9223372036854775807})");
  Fields fields(json);
  EXPECT_EQ(fields.whole("a", 0, 3), 3);
  EXPECT_EQ(fields.whole("b", 0, 5), 5);
  EXPECT_EQ(fields.whole("c", 0, 1000), 1000);
  EXPECT_EQ(fields.whole("d", -2, 0), -2);
  EXPECT_EQ(fields.whole("e", 0, 1), std::nullopt);
  EXPECT_EQ(fields.whole("f", 0, 1), std::nullopt);
  EXPECT_EQ(fields.whole("max", kLeast, kMost), kMost);
}

TEST(FieldsTest, WhatIsNoWholeNumberInRange) {
  for (const char* value : {"4", "-1", "1.5", "\"1\"", "true", "[]", "1e300", "-1e300", "18446744073709551615"}) {
    const Json json = Json::parse(fmt::format(R"({{"a": {}}})", value));
    expect_problem("a", "must be a whole number from 0 to 3", [&] { return Fields(json).whole("a", 0, 3); });
  }
  for (const char* value : {"9223372036854775808.0", "-9223372036854775809.0", "9223372036854775808"}) {
    const Json json = Json::parse(fmt::format(R"({{"a": {}}})", value));
    expect_problem("a", "must be a whole number", [&] { return Fields(json).whole("a", kLeast, kMost); });
  }
}

TEST(FieldsTest, Numbers) {
  const Json json = Json::parse(R"({"a": 1, "b": -0.5, "c": "1"})");
  Fields fields(json);
  EXPECT_EQ(fields.number("a", 0, 1), 1.0);
  expect_problem("b", "must be a number from 0 to 1", [&] { return fields.number("b", 0, 1); });
  expect_problem("c", "must be a number from 0 to 1", [&] { return fields.number("c", 0, 1); });
}

TEST(FieldsTest, NestedFieldsAreNamedByTheirPath) {
  const Json json = Json::parse(R"({"role": 1})");
  Fields fields(json, "messages[2]");
  expect_problem("messages[2].role", "'messages[2].role' must be a string", [&] { return fields.text("role"); });
  expect_problem("messages[2].content", "is missing", [&] { return fields.need("content"); });
  expect_problem("x", "'x' must be an object", [] { return Fields(Json(1), "x"); });
  expect_problem("", "the body must be an object", [] { return Fields(Json(1)); });
}

TEST(FieldsTest, WhatNobodyReadIsNamed) {
  const Json json = Json::parse(R"({"a": 1, "b": 2})");
  Fields fields(json);
  (void)fields.find("a");
  {
    const UnknownFields unknown(UnknownRule::ignore);
    fields.pass_over_unknown();
    EXPECT_EQ(unknown.ignored(), std::vector<std::string>{"b"});
  }
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("b", "unknown field 'b'", [&] { return fields.pass_over_unknown(), 0; });
  fields.ignore({"b"});
  EXPECT_NO_THROW(fields.pass_over_unknown());
}

TEST(FieldsTest, WhatIsIgnoredIsNamedOnceAndFitForAHeader) {
  const UnknownFields unknown(UnknownRule::ignore);
  for (int i = 0; i < 3; ++i) UnknownFields::met(fmt::format("messages[{}].stamp", i));
  UnknownFields::met("a,b\r\nx: \xC3\xA4");
  UnknownFields::met(std::string(1000, 'x'));
  EXPECT_EQ(unknown.ignored(), (std::vector<std::string>{"messages[].stamp", "a?b??x:???", std::string(64, 'x')}));
  for (int i = 0; i < 100; ++i) UnknownFields::met("n" + std::to_string(i));
  EXPECT_EQ(unknown.ignored().size(), UnknownFields::kMost);
}

TEST(FieldsTest, PassedOverUnlessNothingIsAskedFor) {
  const Json json = Json::parse(R"({"a": null, "b": false, "c": "text", "d": [], "e": true})");
  Fields fields(json);
  const UnknownFields unknown(UnknownRule::ignore);
  for (const char* key : {"a", "b", "d", "f"}) fields.pass_over(key, "no");
  fields.pass_over("c", "no", "text");
  EXPECT_TRUE(unknown.ignored().empty());
  fields.pass_over("e", "no");
  EXPECT_EQ(unknown.ignored(), std::vector<std::string>{"e"});
  const UnknownFields strict(UnknownRule::refuse);
  expect_problem("e", "is not supported here: no", [&] { return fields.pass_over("e", "no"), 0; });
}

TEST(FieldsTest, RefusedUnlessNothingIsAskedFor) {
  const Json json = Json::parse(R"({"a": null, "b": false, "c": "text", "d": true})");
  Fields fields(json);
  EXPECT_NO_THROW(fields.refuse("a", "no"));
  EXPECT_NO_THROW(fields.refuse("b", "no"));
  EXPECT_NO_THROW(fields.refuse("c", "no", "text"));
  EXPECT_NO_THROW(fields.refuse("e", "no"));
  expect_problem("d", "is not supported here: no", [&] { return fields.refuse("d", "no"), 0; });
}

TEST(FieldsTest, Tokens) {
  EXPECT_EQ(read_tokens(Json::parse("[1, 2]"), "p"), (std::vector<engine::Token>{1, 2}));
  for (const char* text : {"[-1]", "[1.0]", "[2147483648]", "[\"a\"]", "[null]"})
    expect_problem("p", "must hold token ids", [&] { return read_tokens(Json::parse(text), "p"); });
}

TEST(FieldsTest, Sampling) {
  const Json json = Json::parse(
      R"({"temperature": 0.5, "top_p": 1, "seed": -1, "logit_bias": {"7": -100}, "top_k": 3, "ignore_eos": true})");
  Fields fields(json);
  TextRequest request;
  read_sampling(fields, request);
  EXPECT_EQ(request.sampling.temperature, 0.5F);
  EXPECT_TRUE(request.sampling_given.contains("temperature"));
  EXPECT_FALSE(request.sampling_given.contains("min_p"));
  EXPECT_EQ(request.sampling.seed, std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(request.sampling.logit_bias, (std::vector<engine::LogitBias>{{.token = 7, .bias = -100}}));
  EXPECT_EQ(request.sampling.top_k, 3);
  EXPECT_TRUE(request.sampling.ignore_eos);
}

// Beyond OpenAI's 2 as well, as local servers do.
TEST(FieldsTest, PenaltiesAreTakenAsTheyAre) {
  const Json json = Json::parse(R"({"frequency_penalty": 3.5, "presence_penalty": -20})");
  Fields fields(json);
  TextRequest request;
  read_sampling(fields, request);
  EXPECT_EQ(request.sampling.penalty_frequency, 3.5F);
  EXPECT_EQ(request.sampling.penalty_presence, -20.0F);
}

TEST(FieldsTest, SamplingOutOfRange) {
  const std::map<std::string, std::vector<std::string>> wrong{
      {"temperature", {"-0.1", "101", "\"hot\""}},
      {"top_p", {"-1", "1.5"}},
      {"frequency_penalty", {"\"3\"", "1e300"}},
      {"presence_penalty", {"[]", "-1e300"}},
      {"seed", {"0.5", "\"1\""}},
      {"logit_bias", {"1", "[1]", "[[1]]", R"({"1": 101})", R"({"-1": 1})", R"({"1": "x"})", R"({"99999999999": 1})"}},
      {"samplers", {"1", R"(["top_k", "hat"])", "\"kq\"", "[1]"}},
      {"mirostat", {"3"}}};
  for (const auto& [key, values] : wrong) {
    for (const std::string& value : values) {
      SCOPED_TRACE(key + " " + value);
      const Json json = Json::parse(fmt::format(R"({{"{}": {}}})", key, value));
      Fields fields(json);
      TextRequest request;
      expect_problem(key, "'" + key + "'", [&] { return read_sampling(fields, request), 0; });
    }
  }
}

TEST(FieldsTest, GrammarsAreBounded) {
  const auto read = [](const std::string& grammar) {
    const Json json{{"grammar", grammar}};
    Fields fields(json);
    TextRequest request;
    read_form(fields, request);
    return request.sampling.grammar;
  };
  EXPECT_EQ(read("root ::= ((\"a\"))"), "root ::= ((\"a\"))");
  expect_problem("grammar", "nested deeper", [&] { return read("root ::= " + std::string(50'000, '(')); });
  expect_problem("grammar", "bytes long at most", [&] { return read(std::string(70'000, ' ')); });
}

TEST(FieldsTest, ABiasOfNullIsNone) {
  for (const char* given : {R"({"10": null, "a": null, "7": 1})", R"([[10, null], ["a", null], [7, 1]])"}) {
    const Json json{{"logit_bias", Json::parse(given)}};
    Fields fields(json);
    TextRequest request;
    read_sampling(fields, request);
    ASSERT_EQ(request.sampling.logit_bias.size(), 1U) << given;
    EXPECT_EQ(request.sampling.logit_bias[0].token, 7);
    EXPECT_TRUE(request.text_biases.empty());
  }
}

TEST(FieldsTest, StopStrings) {
  const auto read = [](const char* text) {
    const Json json{{"stop", Json::parse(text)}};
    Fields fields(json);
    return read_stop_strings(fields, {"stop"});
  };
  EXPECT_EQ(read("\"a\""), (std::vector<std::string>{"a"}));
  EXPECT_EQ(read(R"(["a", "b"])"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(read("null").empty());
  EXPECT_EQ(read(R"(["a", null])"), (std::vector<std::string>{"a"}));
  expect_problem("stop", "must be a string or a list", [&] { return read("[1]"); });
  expect_problem("stop", "may hold", [&] { return read(Json(std::vector<std::string>(65, "a")).dump().c_str()); });
  EXPECT_EQ(read(Json(std::string(kMostStopBytes, 'a')).dump().c_str()).size(), 1U);
  const Json too_long(std::string(kMostStopBytes + 1, 'a'));
  expect_problem("stop", "65536 bytes at most", [&] { return read(too_long.dump().c_str()); });
  const std::string half(kMostStopBytes / 2, 'a');
  EXPECT_EQ(read(Json::array({half, half}).dump().c_str()).size(), 2U);
  expect_problem("stop", "all strings together", [&] { return read(Json::array({half, half, "a"}).dump().c_str()); });
}

TextRequest with_format(const char* format) {
  TextRequest request;
  read_format(Json::parse(format), "f", request);
  return request;
}

Json schema_in(const char* format) { return with_format(format).schema; }

TEST(FieldsTest, Formats) {
  EXPECT_TRUE(schema_in(R"({"type": "text"})").is_null());
  EXPECT_EQ(schema_in(R"({"type": "json_object"})"), Json::parse(R"({"type": "object"})"));
  const Json wanted = Json::parse(R"({"a": 1})");
  for (const char* format :
       {R"({"type": "json_schema", "json_schema": {"name": "x", "schema": {"a": 1}}})",
        R"({"type": "json_schema", "json_schema": {"name": "x", "value": {"a": 1}}})",
        R"({"type": "json_schema", "name": "x", "schema": {"a": 1}})", R"({"json_schema": {"schema": {"a": 1}}})"})
    EXPECT_EQ(schema_in(format), wanted) << format;
  EXPECT_TRUE(schema_in("{}").is_null());
  EXPECT_TRUE(schema_in(R"({"type": null})").is_null());
  expect_problem("f.type", "must be", [] { return schema_in(R"({"type": "xml"})"); });
  expect_problem("f.json_schema.schema", "is missing",
                 [] { return schema_in(R"({"type": "json_schema", "json_schema": {}})"); });
}

TEST(FieldsTest, FormatsThatAreNoJson) {
  const std::string pattern = with_format(R"({"type": "regex", "pattern": "[ab]{2}"})").sampling.grammar;
  EXPECT_TRUE(pattern.starts_with("root ::= ")) << pattern;
  for (const char* format : {R"({"type": "regex", "regex": "[ab]{2}"})", R"({"type": "regex", "value": "[ab]{2}"})"})
    EXPECT_EQ(with_format(format).sampling.grammar, pattern) << format;
  for (const char* format :
       {R"({"type": "grammar", "grammar": "root ::= \"a\""})", R"({"type": "ebnf", "ebnf": "root ::= \"a\""})",
        R"({"type": "gbnf", "value": "root ::= \"a\""})"}) {
    EXPECT_EQ(with_format(format).sampling.grammar, "root ::= \"a\"") << format;
    EXPECT_TRUE(schema_in(format).is_null());
  }
  expect_problem("f.regex", "is missing", [] { return schema_in(R"({"type": "regex"})"); });
  expect_problem("f.pattern", "cannot be followed", [] { return schema_in(R"({"type": "regex", "pattern": "("})"); });
  expect_problem("f.value", "must be a string", [] { return schema_in(R"({"type": "grammar", "value": 1})"); });
}

TEST(FieldsTest, ToolChoices) {
  using Kind = ToolChoice::Kind;
  EXPECT_EQ(read_tool_choice("none", "c").kind, Kind::none);
  EXPECT_EQ(read_tool_choice("required", "c").kind, Kind::required);
  EXPECT_EQ(read_tool_choice(Json::parse(R"({"type": "function", "function": {"name": "a"}})"), "c").name, "a");
  EXPECT_EQ(read_tool_choice(Json::parse(R"({"type": "function", "name": "a"})"), "c").name, "a");
  EXPECT_EQ(read_tool_choice("any", "c").kind, Kind::required);
  expect_problem("c", "must be 'auto'", [] { return read_tool_choice("some", "c"); });
  expect_problem("c.name", "is missing", [] { return read_tool_choice(Json::parse(R"({"type": "function"})"), "c"); });
}

}  // namespace
}  // namespace plimsoll::api
