#include "api/schema_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>

#include <plimsoll/base/error.hpp>

#include "bounded_pattern.hpp"
#include "schema_forms.hpp"

namespace plimsoll::api {
namespace {

using Kind = SchemaVerdict::Kind;

SchemaVerdict check(const std::string& schema, const std::string& text) {
  return SchemaCheck(Json::parse(schema)).check(text);
}

TEST(SchemaCheckTest, TellsWhatIsOfEachFormFromWhatIsNot) {
  std::size_t broken = 0;
  for (const test::SchemaForm& form : test::schema_forms()) {
    SCOPED_TRACE(form.name);
    for (const std::string& text : form.valid) {
      const SchemaVerdict verdict = check(form.schema, text);
      // A pattern that is none decides nothing.
      const bool right =
          verdict.kind == Kind::valid || (form.held == test::SchemaForm::loosened && verdict.kind == Kind::undecided);
      EXPECT_TRUE(right) << text << ": " << verdict.sentence;
    }
    for (const std::string& text : form.broken) {
      EXPECT_EQ(check(form.schema, text).kind, Kind::invalid) << text;
      ++broken;
    }
  }
  EXPECT_GE(broken, 10U);
}

TEST(SchemaCheckTest, SaysWhereAndWhy) {
  const SchemaVerdict verdict = check(R"({"properties": {"a": {"pattern": "^x"}}})", R"({"a": "y"})");
  EXPECT_EQ(verdict.kind, Kind::invalid);
  EXPECT_TRUE(verdict.sentence.contains("/a")) << verdict.sentence;
  EXPECT_TRUE(verdict.sentence.contains("^x")) << verdict.sentence;
  EXPECT_EQ(check("{}", "{\"a\": 1"), (SchemaVerdict{Kind::invalid, "it is not complete JSON"}));
  EXPECT_EQ(check("{}", "1, \"b\": 2").kind, Kind::invalid);
}

TEST(SchemaCheckTest, WhatTakesTooLongDecidesNothing) {
  const auto began = std::chrono::steady_clock::now();
  const std::string text = "\"" + std::string(5000, 'a') + "b\"";
  EXPECT_EQ(check(R"-({"pattern": "^(a+)+$"})-", text).kind, Kind::undecided);
  // Each is both of the next: 2 to the power of 40.
  std::string defs;
  for (int i = 0; i < 40; ++i)
    defs += fmt::format(R"("d{0}": {{"allOf": [{{"$ref": "#/$defs/d{1}"}}, {{"$ref": "#/$defs/d{1}"}}]}}, )", i, i + 1);
  const std::string doubling = R"({"$ref": "#/$defs/d0", "$defs": {)" + defs + R"("d40": {"type": "integer"}}})";
  EXPECT_EQ(check(doubling, "1").kind, Kind::undecided);
  EXPECT_EQ(check(R"({"items": {"$ref": "#"}})", std::string(3000, '[') + std::string(3000, ']')).kind,
            Kind::undecided);
  EXPECT_EQ(check(
                R"({"uniqueItems": true})", "[" + std::string(1, '1') +
                                                [] {
                                                  std::string more;
                                                  for (int i = 0; i < 20000; ++i) more += "," + std::to_string(i + 2);
                                                  return more;
                                                }() +
                                                "]")
                .kind,
            Kind::undecided);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
}

TEST(SchemaCheckTest, CirclesSayNothing) {
  for (const char* schema :
       {R"({"$ref": "#"})", R"({"anyOf": [{"$ref": "#"}]})", R"({"not": {"$ref": "#"}})",
        R"({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})",
        R"({"dependentSchemas": {"a": {"$ref": "#"}}})", R"({"if": {"$ref": "#"}, "then": {"type": "integer"}})"}) {
    EXPECT_EQ(check(schema, R"({"a": 1})").kind, Kind::valid) << schema;
  }
}

TEST(SchemaCheckTest, OddSchemasDecideWhatTheyCan) {
  EXPECT_EQ(check(R"({"type": null, "properties": {"a": {"type": "integer"}}})", R"({"a": 1})").kind, Kind::valid);
  EXPECT_EQ(check(R"({"type": null, "properties": {"a": {"type": "integer"}}})", R"({"a": "x"})").kind, Kind::invalid);
  EXPECT_EQ(check(R"({"pattern": "(a"})", "\"x\"").kind, Kind::undecided);
  EXPECT_EQ(check(R"({"$ref": "https://example.org/x"})", "1").kind, Kind::valid);
}

TEST(BoundedPatternTest, ReadsWhatECMAScriptDoes) {
  EXPECT_EQ(BoundedPattern("^a$").matches("a"), true);
  EXPECT_EQ(BoundedPattern("^a$").matches("a\n"), false);
  EXPECT_EQ(BoundedPattern("\\u0041").matches("A"), true);
  EXPECT_EQ(BoundedPattern("^.$").matches("é"), true);
  EXPECT_EQ(BoundedPattern("^\\p{L}+$").matches("né"), true);
  EXPECT_EQ(BoundedPattern("(?<!a)b").matches("ab"), false);
  EXPECT_THROW(BoundedPattern("(a"), Error);
  EXPECT_THROW(BoundedPattern("((a{1000}){1000}){1000}"), Error);
}

}  // namespace
}  // namespace plimsoll::api
