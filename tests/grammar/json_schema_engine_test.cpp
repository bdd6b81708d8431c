// Grammars of schemas, under a sampler: what is written is valid, and what is not valid cannot be written.
#include <gtest/gtest.h>

#include <nlohmann/json-schema.hpp>
#include <nlohmann/json.hpp>

#include "grammar/json_schema.hpp"

#include "byte_grammar.hpp"
#include "decoding.hpp"
#include "paths.hpp"
#include "written_under.hpp"

namespace plimsoll::grammar {
namespace {

using namespace engine;  // NOLINT: what the grammars are tried on
using Json = nlohmann::ordered_json;

struct Case {
  const char* schema;
  std::vector<std::string> valid;
  std::vector<std::string> invalid;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases{
      {R"({})",
       {R"({"a": [1, null]})", "-0.5e-3", "\"\\u00e9\"", "[]", "{}"},
       {"{a: 1}", "01", "'a'", "[1,]", "\"\\ud800\""}},
      {R"({"type": "boolean"})", {"true", "false"}, {"1", "null", "True"}},
      {R"({"type": ["string", "null"]})", {"null", "\"\""}, {"1", "[]"}},
      {R"({"const": {"a": ["\"", 1]}})", {R"({"a":["\"",1]})"}, {"{}"}},
      {R"({"enum": ["é", 1, null, "a\nb"]})", {"\"é\"", "1", "null", "\"a\\nb\""}, {"\"e\"", "2"}},
      {R"({"enum": ["a", 1, 2.5], "type": "integer"})", {"1"}, {"2.5", "\"a\""}},
      {R"({"type": "integer", "minimum": -12, "maximum": 345})",
       {"-12", "-1", "0", "9", "10", "99", "100", "345", "299", "340"},
       {"-13", "-20", "346", "350", "1000", "00", "1.0", "-0", "400"}},
      {R"({"type": "integer", "exclusiveMinimum": 999, "maximum": 100000})",
       {"1000", "5555", "99999", "100000"},
       {"999", "100001", "0"}},
      {R"({"type": "integer", "minimum": 0.5})", {"1", "12345"}, {"0", "-1"}},
      {R"({"type": "integer", "maximum": -5})", {"-5", "-6", "-4321"}, {"-4", "0", "5"}},
      {R"({"type": "number"})", {"0", "-1.25", "1e10"}, {"+1", ".5", "1.", "NaN"}},
      {R"({"type": "string", "minLength": 2, "maxLength": 4})",
       {"\"ab\"", "\"é\\n\"", "\"abcd\""},
       {"\"a\"", "\"abcde\"", "\"\""}},
      {R"({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}(x|yz)?$"})",
       {"\"AB-123\"", "\"ZZ-000yz\""},
       {"\"A-123\"", "\"AB-12\"", "\"AB-123z\"", "\"AB-123xx\""}},
      {R"({"type": "string", "pattern": "b[^a-c\"]"})",
       {"\"bd\"", "\"aabz\"", "\"b\\n\""},
       {"\"\"", "\"ba\"", "\"b\""}},
      {R"({"type": "string", "pattern": "^(\\w{1,8}@\\w{1,8}\\.(org|net)|\\\\|\\\".)$"})",
       {"\"a_b@c.org\"", R"("\\")", R"("\"x")"},
       {"\"a@b.com\"", "\"a@borg\""}},
      {R"({"type": "string", "format": "date"})",
       {"\"2024-02-28\"", "\"1999-12-31\"", "\"2000-04-30\""},
       {"\"2024-13-01\"", "\"2024-02-30\"", "\"2024-04-31\"", "\"24-01-01\""}},
      {R"({"type": "string", "format": "time"})",
       {"\"23:59:59Z\"", "\"00:00:00.5+01:30\""},
       {"\"24:00:00Z\"", "\"12:60:00Z\"", "\"12:00:00\""}},
      {R"({"type": "string", "format": "date-time"})",
       {"\"2024-01-31T12:00:00Z\""},
       {"\"2024-01-31 12:00:00Z\"", "\"2024-01-31\""}},
      {R"({"type": "string", "format": "uuid"})",
       {"\"123e4567-e89b-12d3-a456-426614174000\""},
       {"\"123e4567\"", "\"123e4567-e89b-12d3-a456-42661417400g\""}},
      {R"({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}, "minItems": 2, "maxItems": 3})",
       {"[1,2]", "[1, 2, 3]", "[ 1,2 ]"},
       {"[1]", "[]", "[1,2,3,4]", "[1,10]", "[1,,2]"}},
      {R"({"type": "array", "items": {"type": "boolean"}, "maxItems": 1})", {"[]", "[true]"}, {"[true,true]"}},
      {R"({"type": "array", "items": {"type": "boolean"}, "maxItems": 0})", {"[]"}, {"[true]"}},
      {R"({"type": "array", "items": {"type": "boolean"}, "minItems": 1})", {"[true]", "[true,false,true]"}, {"[]"}},
      {R"({"type": "array", "items": [{"type": "integer"}, {"type": "boolean"}], "additionalItems": false, "minItems": 1})",
       {"[1]", "[1,true]"},
       {"[]", "[true]", "[1,true,1]"}},
      {R"({"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "null"}, "minItems": 2, "maxItems": 3})",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,null,null,null]"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}, "c": {"type": "null"}}, "required": ["b"]})",
       {R"({"b":true})", R"({"a":1,"b":false})", R"({"b":true,"c":null})", R"({"a": 1, "b": true, "c": null})"},
       {"{}", R"({"a":1})", R"({"a":true,"b":true})", R"({"b":1})"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}})",
       {"{}", R"({"a":1})", R"({"b":true})", R"({"a":1,"b":true})"},
       {R"({"a":1,})", R"({,"b":true})"}},
      {R"({"type": "object", "properties": {"ab": {"type": "integer"}}, "additionalProperties": {"type": "string"}})",
       {R"({"ab":1})", R"({"a":"x"})", R"({"ab":1,"abc":"x","":"y","ba":"z"})", "{}"},
       {R"({"ab":"x"})", R"({"b":1})", R"({"x":"a","ab":1,"ab":"x"})"}},
      {R"({"type": "object", "additionalProperties": {"type": "integer"}})",
       {"{}", R"({"x":1,"y":2})"},
       {R"({"x":"1"})"}},
      {R"({"type": "object", "required": ["k"]})", {R"({"k":1})", R"({"k":1,"l":{}})"}, {"{}", R"({"l":1})"}},
      {R"({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]})", {"1", "\"a\""}, {"\"ab\"", "true"}},
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})",
       {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"},
       {"{}"}},
      {R"({"allOf": [{"$ref": "#/definitions/named"}, {"properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}],
           "definitions": {"named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}})",
       {R"({"name":"x","age":1})"},
       {R"({"name":"x"})", R"({"age":1})", R"({"name":"x","age":-1})"}},
      {R"({"$ref": "#/definitions/tree", "definitions": {"tree": {"type": "object", "properties":
           {"leaf": {"type": "boolean"}, "children": {"type": "array", "items": {"$ref": "#/definitions/tree"}, "maxItems": 2}}, "required": ["leaf"]}}})",
       {R"({"leaf":true})", R"({"leaf":false,"children":[{"leaf":true},{"leaf":true,"children":[]}]})"},
       {R"({"children":[]})", R"({"leaf":true,"children":[1]})"}},
  };
  return kCases;
}

void expect_valid(const Json& schema, const std::string& text) {
  SCOPED_TRACE(text);
  nlohmann::json_schema::json_validator validator(nullptr, nlohmann::json_schema::default_string_format_check);
  validator.set_root_schema(nlohmann::json(schema));
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  ASSERT_FALSE(value.is_discarded()) << "this is no JSON";
  EXPECT_NO_THROW(validator.validate(value));
}

class JsonSchemaGrammarTest : public test::ByteGrammarTest {};

TEST_F(JsonSchemaGrammarTest, AllowsWhatIsValidAndNothingElse) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.schema);
    const Json schema = Json::parse(one.schema);
    const std::string grammar = from_json_schema(schema);
    for (const std::string& text : one.valid) {
      EXPECT_TRUE(allows(grammar, text)) << text << "\n" << grammar;
      expect_valid(schema, text);
    }
    for (const std::string& text : one.invalid) EXPECT_FALSE(allows(grammar, text)) << text << "\n" << grammar;
  }
}

TEST_F(JsonSchemaGrammarTest, WhatIsWrittenIsValid) {
  const auto demo = test::load_on_cpu(source_path("models/demo/mate-chat.gguf"));
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.schema);
    const Json schema = Json::parse(one.schema);
    const std::string grammar = from_json_schema(schema);
    for (std::uint32_t seed = 0; seed < 4; ++seed) {
      const auto text = test::written_under(*demo, grammar, seed);
      ASSERT_TRUE(text) << "no end";
      expect_valid(schema, *text);
    }
  }
}

TEST_F(JsonSchemaGrammarTest, WhatLaterDraftsSayIsKnownToo) {
  const std::string tuple = from_json_schema(
      Json::parse(R"({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": false, "minItems": 2})"));
  EXPECT_TRUE(allows(tuple, R"([1,"a"])"));
  EXPECT_FALSE(allows(tuple, R"([1])"));
  EXPECT_FALSE(allows(tuple, R"([1,"a",2])"));
  const std::string nullable = from_json_schema(Json::parse(R"({"type": "integer", "nullable": true})"));
  EXPECT_TRUE(allows(nullable, "null"));
  EXPECT_TRUE(allows(nullable, "3"));
  EXPECT_FALSE(allows(nullable, "true"));
  const std::string defs = from_json_schema(
      Json::parse(R"({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"oneOf": [{"const": 1}, {"const": "x"}]}}})"));
  EXPECT_TRUE(allows(defs, "\"x\""));
  EXPECT_FALSE(allows(defs, "2"));
}

}  // namespace
}  // namespace plimsoll::grammar
