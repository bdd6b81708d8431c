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
           {R"({"not": {"pattern": "a"}})", "not at '#/not'"},
           {R"({"properties": {"a": {"type": "integer", "multipleOf": 3, "minimum": 1, "maximum": 9999}}})",
            "multipleOf at '#/properties/a/multipleOf'"},
           {R"({"items": {"uniqueItems": true}})", "uniqueItems at '#/items/uniqueItems'"},
           {R"({"format": "phone"})", "phone"},
           {R"({"pattern": "^a(?=b)$"})", "look-around"},
           {R"({"pattern": "(a)\\1"})", "back-references"},
           {R"({"pattern": "\\bword"})", "word boundaries"},
           {R"({"pattern": "a|bc", "minLength": 2})", "minLength at"},
           {R"({"$ref": "https://example.org/x"})", "same schema"},
           {R"({"ui:order": 1})", "not known"},
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
           {R"({"type": "number", "minimum": 2, "maximum": 1})", "no number"},
           {R"({"type": "string", "minLength": 2, "maxLength": 1})", "below"},
           {R"({"type": "string", "minLength": -2})", "no count"},
           {R"({"enum": ["a"], "type": "integer"})", "of its type"},
           {R"({"$ref": "#/$defs/none"})", "not there"},
           {R"({"$ref": "#"})", "itself"},
           {R"({"anyOf": []})", "anyOf"},
           {R"({"not": {}})", "not"},
           {R"({"properties": {}, "required": ["a"], "additionalProperties": false})", "requires"},
           {R"({"allOf": [{"const": 1}, {"const": 2}]})", "contradicts itself"},
           {R"({"allOf": [{"type": "string"}, {"type": "integer"}]})", "contradicts itself"},
           {R"({"pattern": "(a"})", "group"},
           {R"({"pattern": "a{3,1}"})", "quantifier"},
           {R"({"pattern": "*a"})", "quantifier"},
           {R"({"pattern": 3})", "no text"}}) {
    SCOPED_TRACE(schema);
    expect_error(ErrorCode::usage, words, [&] { (void)from_json_schema(Json::parse(schema)); });
  }
}

// In a server the same is loosened, place by place, but for what means nothing as a whole.
TEST(JsonSchemaTest, WhatIsLoosenedIsNamedOnce) {
  const SchemaGrammar made = grammar_of_schema(Json::parse(
      R"({"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/$defs/x"}, "c/d": {"anyOf": [], "type": 5}},
          "$defs": {"x": {"format": "phone"}}})"));
  std::vector<std::string> places;
  for (const SchemaNote& note : made.notes) places.push_back(note.pointer);
  EXPECT_EQ(places,
            (std::vector<std::string>{"#/$defs/x/format", "#/properties/c~1d/anyOf", "#/properties/c~1d/type"}));
  for (const char* whole :
       {"7", "false", R"({"type": "nothing"})", R"({"type": "integer", "minimum": 2, "maximum": 1})"})
    expect_error(ErrorCode::usage, "the schema at '#'", [&] { (void)grammar_of_schema(Json::parse(whole)); });
}

// What doubles at each link, or repeats too often, is refused or loosened before it is large.
TEST(JsonSchemaTest, SizeHasAnEnd) {
  Json chain{{"$ref", "#/$defs/d0"}};
  for (int i = 0; i < 40; ++i) {
    const auto branch = [i](const char* name) -> Json {
      const Json own{{"properties", {{name + std::to_string(i), {{"type", "null"}}}}}};
      return {{"allOf", Json::array({{{"$ref", "#/$defs/d" + std::to_string(i + 1)}}, own})}};
    };
    chain["$defs"]["d" + std::to_string(i)] = {{"anyOf", Json::array({branch("a"), branch("b")})}};
  }
  chain["$defs"]["d40"] = {{"type", "object"}};
  expect_error(ErrorCode::unsupported, "too large", [&] { (void)grammar_of_schema(chain); });
  Json many{{"type", "object"}};
  for (int i = 0; i < 300; ++i)
    many["properties"]["p" + std::to_string(i)] = {{"type", "string"}, {"maxLength", 700 + i}};
  const SchemaGrammar made = grammar_of_schema(many);
  ASSERT_FALSE(made.notes.empty());
  EXPECT_EQ(made.notes[0].keyword, "maxLength");
  EXPECT_TRUE(made.notes[0].why.contains("repetitions")) << made.notes[0].why;
}

TEST(JsonSchemaTest, DepthHasAnEnd) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += R"({"items": )";
  deep += "{}" + std::string(5000, '}');
  expect_error(ErrorCode::unsupported, "too deep", [&] { (void)from_json_schema(Json::parse(deep)); });
}

}  // namespace
}  // namespace plimsoll::grammar
