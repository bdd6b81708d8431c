#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "grammar/json_schema.hpp"

#include "expect_error.hpp"
#include "golden.hpp"

namespace plimsoll::grammar {
namespace {

using test::expect_error;
using Json = nlohmann::ordered_json;

TEST(JsonSchemaTest, AGrammarReadsLikeItsSchema) {
  const char* const kSchema = R"({"type": "object",
    "properties": {"name": {"type": "string"}, "kind": {"enum": ["ship", 7, null]}, "depth": {"type": "integer", "minimum": -3, "maximum": 120},
                   "parts": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2}},
    "required": ["name", "depth"]})";
  expect_golden("grammar/golden/schema.gbnf", from_json_schema(Json::parse(kSchema)));
}

TEST(JsonSchemaTest, WhatCannotBeHadIsNamedWithItsPlace) {
  for (const auto& [schema, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"not": {}})", "not at '#/not'"},
           {R"({"properties": {"a": {"multipleOf": 3}}})", "multipleOf at '#/properties/a/multipleOf'"},
           {R"({"items": {"uniqueItems": true}})", "uniqueItems at '#/items/uniqueItems'"},
           {R"({"patternProperties": {}})", "patternProperties"},
           {R"({"type": "number", "minimum": 1})", "minimum"},
           {R"({"format": "email"})", "email"},
           {R"({"pattern": "^a(?=b)$"})", "look-around"},
           {R"({"pattern": "(a)\\1"})", "back-references"},
           {R"({"pattern": "\\bword"})", "word boundaries"},
           {R"({"pattern": "^a|b$"})", "beside |"},
           {R"({"pattern": "a", "minLength": 1})", "pattern at"},
           {R"({"$ref": "https://example.org/x"})", "same schema"},
           {R"({"maxLength": 100000})", "maxLength"},
           {R"({"allOf": [{"const": 1}, {"const": 2}]})", "const"},
           {R"({"allOf": [{"type": "string"}, {"type": "integer"}]})", "type"},
           {R"({"allOf": [{"properties": {"a": {}}, "additionalProperties": false}, {"properties": {"b": {}}}]})",
            "additionalProperties"}}) {
    SCOPED_TRACE(schema);
    expect_error(ErrorCode::unsupported, words, [&] { (void)from_json_schema(Json::parse(schema)); });
  }
}

TEST(JsonSchemaTest, WhatIsNoSchemaIsTheCallersFault) {
  for (const auto& [schema, words] : std::vector<std::pair<std::string, std::string>>{
           {"7", "neither"},
           {"false", "allows nothing"},
           {R"({"type": "text"})", "type"},
           {R"({"type": []})", "empty"},
           {R"({"type": "integer", "minimum": 2, "maximum": 1})", "no integer"},
           {R"({"type": "string", "minLength": 2, "maxLength": 1})", "below"},
           {R"({"type": "string", "minLength": -2})", "no count"},
           {R"({"enum": ["a"], "type": "integer"})", "of its type"},
           {R"({"$ref": "#/$defs/none"})", "not there"},
           {R"({"$ref": "#"})", "itself"},
           {R"({"anyOf": []})", "anyOf"},
           {R"({"properties": {}, "required": ["a"], "additionalProperties": false})", "requires"},
           {R"({"pattern": "(a"})", "group"},
           {R"({"pattern": "a{3,1}"})", "quantifier"},
           {R"({"pattern": "*a"})", "quantifier"},
           {R"({"pattern": 3})", "cannot be read"}}) {
    SCOPED_TRACE(schema);
    expect_error(ErrorCode::usage, words, [&] { (void)from_json_schema(Json::parse(schema)); });
  }
}

TEST(JsonSchemaTest, DepthHasAnEnd) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += R"({"items": )";
  deep += "{}" + std::string(5000, '}');
  expect_error(ErrorCode::unsupported, "too deep", [&] { (void)from_json_schema(Json::parse(deep)); });
}

}  // namespace
}  // namespace plimsoll::grammar
