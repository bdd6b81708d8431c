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
           {R"({"type": "string", "minLength": -2})", "not a count"},
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
           {R"({"pattern": 3})", "not a text"}}) {
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
  Json many{{"type", "object"}};
  for (int i = 0; i < 300; ++i)
    many["properties"]["p" + std::to_string(i)] = {{"type", "string"}, {"maxLength", 700 + i}};
  const SchemaGrammar made = grammar_of_schema(many);
  ASSERT_FALSE(made.notes.empty());
  EXPECT_EQ(made.notes[0].keyword, "maxLength");
  EXPECT_TRUE(made.notes[0].why.contains("repetitions")) << made.notes[0].why;
}

std::size_t values_taken(const Json& schema, std::size_t most = SchemaBudget::kMostValues) {
  SchemaBudget budget(SchemaBudget::kMostExpressions, most);
  (void)grammar_of_schema(schema, budget);
  return most - budget.values_left();
}

// A chain that doubles at each link: what is joined along it grows, so that not only its links are counted.
Json doubling(int links) {
  Json chain{{"$ref", "#/$defs/d0"}};
  for (int i = 0; i < links; ++i) {
    const auto branch = [i](const char* name) -> Json {
      const Json own{{"properties", {{name + std::to_string(i), {{"type", "null"}}}}}};
      return {{"allOf", Json::array({{{"$ref", "#/$defs/d" + std::to_string(i + 1)}}, own})}};
    };
    chain["$defs"]["d" + std::to_string(i)] = {{"anyOf", Json::array({branch("a"), branch("b")})}};
  }
  chain["$defs"]["d" + std::to_string(links)] = {{"type", "object"}};
  return chain;
}

// One condition for each of so many members.
Json conditions(int count) {
  Json schema{{"type", "object"}, {"allOf", Json::array()}};
  for (int i = 0; i < count; ++i) {
    const std::string name = "m" + std::to_string(i);
    schema["properties"][name] = {{"enum", {"yes", "no"}}};
    schema["allOf"].push_back({{"if", {{"properties", {{name, {{"const", "yes"}}}}}, {"required", {name}}}},
                               {"then", {{"required", {"r" + std::to_string(i)}}}}});
  }
  return schema;
}

// Branches of which none goes with what stands beside them, so that no grammar grows while they are joined.
Json refused_branches(int members, int branches) {
  Json schema{{"properties", {{"kind", {{"const", "none"}}}}}, {"required", {"kind"}}};
  for (int i = 0; i < members; ++i) schema["properties"]["p" + std::to_string(i)] = {{"type", "null"}};
  for (int i = 0; i < branches; ++i) schema["anyOf"].push_back({{"properties", {{"kind", {{"const", i}}}}}});
  schema["anyOf"].push_back({{"maxProperties", 1}});
  return schema;
}

TEST(JsonSchemaTest, TheWorkOfJoiningIsCountedAndHasAnEnd) {
  const std::size_t few = values_taken(refused_branches(100, 20));
  const std::size_t more = values_taken(refused_branches(100, 40));
  EXPECT_GT(few, 20U * 100U);
  EXPECT_GT(more, few + 20U * 100U);
  EXPECT_LT(more, 3 * few);
  SchemaBudget budget;
  expect_error(ErrorCode::unsupported, "too large",
               [&] { (void)grammar_of_schema(refused_branches(1000, 1000), budget); });
  EXPECT_EQ(budget.values_left(), 0U);
  EXPECT_TRUE(budget.take_expression()) << "its branches alone would have gone on";
}

TEST(JsonSchemaTest, WhatDoublesIsRefusedBeforeItsWorkIsLarge) {
  EXPECT_LT(values_taken(doubling(4)), 5'000U);
  SchemaBudget budget;
  expect_error(ErrorCode::unsupported, "too large", [&] { (void)grammar_of_schema(doubling(40), budget); });
  EXPECT_GT(budget.values_left(), SchemaBudget::kMostValues / 2);
}

// Conditions beyond what a grammar can tell are left out, and the rest of the schema is held.
TEST(JsonSchemaTest, ManyConditionsLeaveTheRestOfTheSchema) {
  EXPECT_LE(values_taken(conditions(60)), SchemaBudget::kMostValues / 2);
  const SchemaGrammar made = grammar_of_schema(conditions(60));
  ASSERT_FALSE(made.notes.empty());
  EXPECT_TRUE(made.notes.front().why.contains("too many cases")) << made.notes.front().why;
  EXPECT_TRUE(made.gbnf.contains("m59"));
}

// Each is decided by the same member: as many cases as conditions, not two to the power of them.
TEST(JsonSchemaTest, ConditionsOnOneMemberAreAllTold) {
  Json schema{{"type", "object"}, {"required", {"kind"}}};
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    schema["properties"]["kind"]["enum"].push_back("k" + name);
    schema["allOf"].push_back(
        {{"if", {{"properties", {{"kind", {{"const", "k" + name}}}}}, {"required", {"kind"}}}},
         {"then", {{"properties", {{"m" + name, {{"type", "null"}}}}}, {"required", {"m" + name}}}}});
  }
  EXPECT_LT(values_taken(schema), SchemaBudget::kMostValues / 2);
  const SchemaGrammar made = grammar_of_schema(schema);
  EXPECT_TRUE(made.notes.empty());
  EXPECT_TRUE(made.gbnf.contains("m99"));
}

TEST(JsonSchemaTest, WhatIsLargeAndPlainTakesNoneOfIt) {
  Json large{{"type", "object"}};
  for (int i = 0; i < 3000; ++i)
    large["properties"]["p" + std::to_string(i)] = {{"type", "object"}, {"properties", {{"a", {{"type", "null"}}}}}};
  EXPECT_EQ(values_taken(large), 0U);
  const Json shared{{"allOf", Json::array({large, {{"required", {"p0"}}}})}};
  EXPECT_LT(values_taken(shared), SchemaBudget::kMostValues / 4);
}

TEST(JsonSchemaTest, DepthHasAnEnd) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += R"({"items": )";
  deep += "{}" + std::string(5000, '}');
  expect_error(ErrorCode::unsupported, "too deep", [&] { (void)from_json_schema(Json::parse(deep)); });
}

}  // namespace
}  // namespace plimsoll::grammar
